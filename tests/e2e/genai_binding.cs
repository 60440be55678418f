// Stands in for the managed half of the NuGet package Microsoft.ML.OnnxRuntimeGenAI, which no
// registry brings here: the same public signatures (its src/csharp), for what the sample uses of
// them, over the library's C interface.

using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Microsoft.ML.OnnxRuntimeGenAI
{
    internal static class Native
    {
        private const string Library = "onnxruntime-genai";

        [DllImport(Library)] public static extern IntPtr OgaResultGetError(IntPtr result);
        [DllImport(Library)] public static extern void OgaDestroyResult(IntPtr result);
        [DllImport(Library)] public static extern void OgaDestroyString(IntPtr text);
        [DllImport(Library)] public static extern void OgaShutdown();
        [DllImport(Library)] public static extern IntPtr OgaCreateModel(byte[] folder, out IntPtr made);
        [DllImport(Library)] public static extern void OgaDestroyModel(IntPtr model);
        [DllImport(Library)] public static extern IntPtr OgaCreateTokenizer(IntPtr model, out IntPtr made);
        [DllImport(Library)] public static extern void OgaDestroyTokenizer(IntPtr tokenizer);
        [DllImport(Library)] public static extern IntPtr OgaTokenizerApplyChatTemplate(
            IntPtr tokenizer, byte[] template, byte[] messages, byte[] tools,
            [MarshalAs(UnmanagedType.I1)] bool generation, out IntPtr text);
        [DllImport(Library)] public static extern IntPtr OgaCreateSequences(out IntPtr made);
        [DllImport(Library)] public static extern void OgaDestroySequences(IntPtr sequences);
        [DllImport(Library)] public static extern IntPtr OgaTokenizerEncode(IntPtr tokenizer, byte[] text, IntPtr into);
        [DllImport(Library)] public static extern UIntPtr OgaSequencesGetSequenceCount(IntPtr sequences, UIntPtr at);
        [DllImport(Library)] public static extern IntPtr OgaSequencesGetSequenceData(IntPtr sequences, UIntPtr at);
        [DllImport(Library)] public static extern IntPtr OgaCreateTokenizerStream(IntPtr tokenizer, out IntPtr made);
        [DllImport(Library)] public static extern void OgaDestroyTokenizerStream(IntPtr stream);
        [DllImport(Library)] public static extern IntPtr OgaTokenizerStreamDecode(IntPtr stream, int token, out IntPtr text);
        [DllImport(Library)] public static extern IntPtr OgaCreateGeneratorParams(IntPtr model, out IntPtr made);
        [DllImport(Library)] public static extern void OgaDestroyGeneratorParams(IntPtr options);
        [DllImport(Library)] public static extern IntPtr OgaGeneratorParamsSetSearchNumber(IntPtr options, byte[] name, double value);
        [DllImport(Library)] public static extern IntPtr OgaGeneratorParamsSetSearchBool(
            IntPtr options, byte[] name, [MarshalAs(UnmanagedType.I1)] bool value);
        [DllImport(Library)] public static extern IntPtr OgaCreateGenerator(IntPtr model, IntPtr options, out IntPtr made);
        [DllImport(Library)] public static extern void OgaDestroyGenerator(IntPtr generator);
        [DllImport(Library)] public static extern IntPtr OgaCreateAdapters(IntPtr model, out IntPtr made);
        [DllImport(Library)] public static extern void OgaDestroyAdapters(IntPtr adapters);
        [DllImport(Library)] public static extern IntPtr OgaLoadAdapter(IntPtr adapters, byte[] file, byte[] name);
        [DllImport(Library)] public static extern IntPtr OgaSetActiveAdapter(IntPtr generator, IntPtr adapters, byte[] name);
        [DllImport(Library)] public static extern IntPtr OgaGenerator_AppendTokenSequences(IntPtr generator, IntPtr sequences);
        [DllImport(Library)] [return: MarshalAs(UnmanagedType.I1)]
        public static extern bool OgaGenerator_IsDone(IntPtr generator);
        [DllImport(Library)] public static extern IntPtr OgaGenerator_GenerateNextToken(IntPtr generator);
        [DllImport(Library)] public static extern UIntPtr OgaGenerator_GetSequenceCount(IntPtr generator, UIntPtr at);
        [DllImport(Library)] public static extern IntPtr OgaGenerator_GetSequenceData(IntPtr generator, UIntPtr at);

        public static byte[] Utf8(string text)
        {
            return Encoding.UTF8.GetBytes(text + "\0");
        }

        public static string Text(IntPtr text)
        {
            return Marshal.PtrToStringUTF8(text);
        }

        public static void Check(IntPtr result)
        {
            if (result != IntPtr.Zero)
            {
                string error = Text(OgaResultGetError(result));
                OgaDestroyResult(result);
                throw new InvalidOperationException(error);
            }
        }

        public static unsafe ReadOnlySpan<int> Tokens(IntPtr tokens, UIntPtr count)
        {
            return new ReadOnlySpan<int>(tokens.ToPointer(), (int)count);
        }
    }

    public abstract class Owned : IDisposable
    {
        internal IntPtr Handle;

        internal abstract void Destroy();

        public void Dispose()
        {
            Destroy();
            Handle = IntPtr.Zero;
        }
    }

    public class OgaHandle : IDisposable
    {
        public void Dispose()
        {
            Native.OgaShutdown();
        }
    }

    public class Model : Owned
    {
        public Model(string modelPath)
        {
            Native.Check(Native.OgaCreateModel(Native.Utf8(modelPath), out Handle));
        }

        internal override void Destroy()
        {
            Native.OgaDestroyModel(Handle);
        }
    }

    public class Tokenizer : Owned
    {
        public Tokenizer(Model model)
        {
            Native.Check(Native.OgaCreateTokenizer(model.Handle, out Handle));
        }

        public string ApplyChatTemplate(string template_str, string messages, string tools, bool add_generation_prompt)
        {
            IntPtr text;
            Native.Check(Native.OgaTokenizerApplyChatTemplate(
                Handle, Native.Utf8(template_str), Native.Utf8(messages), Native.Utf8(tools),
                add_generation_prompt, out text));
            string written = Native.Text(text);
            Native.OgaDestroyString(text);
            return written;
        }

        public Sequences Encode(string str)
        {
            Sequences sequences = new Sequences();
            Native.Check(Native.OgaTokenizerEncode(Handle, Native.Utf8(str), sequences.Handle));
            return sequences;
        }

        public TokenizerStream CreateStream()
        {
            return new TokenizerStream(this);
        }

        internal override void Destroy()
        {
            Native.OgaDestroyTokenizer(Handle);
        }
    }

    public class Sequences : Owned
    {
        internal Sequences()
        {
            Native.Check(Native.OgaCreateSequences(out Handle));
        }

        // A ReadOnlySpan there; Mono's compiler has no indexer of that type.
        public int[] this[ulong sequenceIndex]
        {
            get
            {
                UIntPtr at = (UIntPtr)sequenceIndex;
                return Native.Tokens(
                    Native.OgaSequencesGetSequenceData(Handle, at),
                    Native.OgaSequencesGetSequenceCount(Handle, at)).ToArray();
            }
        }

        internal override void Destroy()
        {
            Native.OgaDestroySequences(Handle);
        }
    }

    public class TokenizerStream : Owned
    {
        internal TokenizerStream(Tokenizer tokenizer)
        {
            Native.Check(Native.OgaCreateTokenizerStream(tokenizer.Handle, out Handle));
        }

        public string Decode(int token)
        {
            IntPtr text;
            Native.Check(Native.OgaTokenizerStreamDecode(Handle, token, out text));
            return Native.Text(text);
        }

        internal override void Destroy()
        {
            Native.OgaDestroyTokenizerStream(Handle);
        }
    }

    public class GeneratorParams : Owned
    {
        public GeneratorParams(Model model)
        {
            Native.Check(Native.OgaCreateGeneratorParams(model.Handle, out Handle));
        }

        public void SetSearchOption(string searchOption, double value)
        {
            Native.Check(Native.OgaGeneratorParamsSetSearchNumber(Handle, Native.Utf8(searchOption), value));
        }

        public void SetSearchOption(string searchOption, bool value)
        {
            Native.Check(Native.OgaGeneratorParamsSetSearchBool(Handle, Native.Utf8(searchOption), value));
        }

        internal override void Destroy()
        {
            Native.OgaDestroyGeneratorParams(Handle);
        }
    }

    public class Adapters : Owned
    {
        public Adapters(Model model)
        {
            Native.Check(Native.OgaCreateAdapters(model.Handle, out Handle));
        }

        public void LoadAdapter(string adapterPath, string adapterName)
        {
            Native.Check(Native.OgaLoadAdapter(Handle, Native.Utf8(adapterPath), Native.Utf8(adapterName)));
        }

        internal override void Destroy()
        {
            Native.OgaDestroyAdapters(Handle);
        }
    }

    public class Generator : Owned
    {
        public Generator(Model model, GeneratorParams generatorParams)
        {
            Native.Check(Native.OgaCreateGenerator(model.Handle, generatorParams.Handle, out Handle));
        }

        public bool IsDone()
        {
            return Native.OgaGenerator_IsDone(Handle);
        }

        public void AppendTokenSequences(Sequences sequences)
        {
            Native.Check(Native.OgaGenerator_AppendTokenSequences(Handle, sequences.Handle));
        }

        public void GenerateNextToken()
        {
            Native.Check(Native.OgaGenerator_GenerateNextToken(Handle));
        }

        public ReadOnlySpan<int> GetSequence(ulong index)
        {
            UIntPtr at = (UIntPtr)index;
            return Native.Tokens(
                Native.OgaGenerator_GetSequenceData(Handle, at), Native.OgaGenerator_GetSequenceCount(Handle, at));
        }

        public void SetActiveAdapter(Adapters adapters, string adapterName)
        {
            Native.Check(Native.OgaSetActiveAdapter(Handle, adapters.Handle, Native.Utf8(adapterName)));
        }

        internal override void Destroy()
        {
            Native.OgaDestroyGenerator(Handle);
        }
    }
}
