// Streams one answer of the model in this bundle.
//
//     dotnet run -- "some text"              a template with one column, or a message
//     dotnet run -- first=… second=…         a template with several columns

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntimeGenAI;

internal static class Program
{
    private static readonly Regex Token = new Regex(@"\{\{|\}\}|\{([^{}\n]*)\}");

    private static int Main(string[] arguments)
    {
        KeepToOneself();
        Console.OutputEncoding = new UTF8Encoding(false);
        try
        {
            return Answer(arguments, FindBundle());
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    }

    private static int Answer(string[] arguments, string bundle)
    {
        JsonElement prompt = ReadJson(Path.Combine(bundle, "prompt.json"));
        JsonElement defaults = ReadJson(Path.Combine(bundle, "generation.json"));
        string modelFolder = Path.Combine(bundle, "model");
        bool isTemplate = prompt.GetProperty("kind").GetString() == "template";
        Dictionary<string, string> values = isTemplate ? ReadValues(arguments, prompt) : null;
        if (isTemplate ? values == null : arguments.Length == 0)
        {
            List<string> wanted = isTemplate ? Strings(prompt.GetProperty("columns")) : null;
            string usage = isTemplate ? string.Join(" ", wanted.Select(name => name + "=TEXT")) : "TEXT";
            Console.Error.WriteLine("usage: dotnet run -- " + usage);
            return 2;
        }

        using (OgaHandle library = new OgaHandle())
        using (Model model = new Model(modelFolder))
        using (Tokenizer tokenizer = new Tokenizer(model))
        {
            string text;
            if (isTemplate)
            {
                text = Fill(prompt.GetProperty("prompt").GetString(), values);
            }
            else
            {
                string message = JsonSerializer.Serialize(string.Join(" ", arguments));
                string messages = "[{\"role\": \"user\", \"content\": " + message + "}]";
                text = tokenizer.ApplyChatTemplate("", messages, "", true);
            }

            using (Sequences sequences = tokenizer.Encode(text))
            using (GeneratorParams options = new GeneratorParams(model))
            {
                int promptTokens = sequences[0].Length;
                int wanted = promptTokens + defaults.GetProperty("max_new_tokens").GetInt32();
                int longest = Math.Min(wanted, defaults.GetProperty("context").GetInt32());
                options.SetSearchOption("max_length", (double)longest);
                foreach (JsonProperty option in defaults.GetProperty("search").EnumerateObject())
                {
                    if (option.Value.ValueKind == JsonValueKind.Number)
                    {
                        options.SetSearchOption(option.Name, option.Value.GetDouble());
                    }
                    else
                    {
                        bool on = option.Value.ValueKind == JsonValueKind.True;
                        options.SetSearchOption(option.Name, on);
                    }
                }
                Stream(bundle, model, tokenizer, options, sequences, prompt);
            }
        }
        return 0;
    }

    // Before the library is loaded: it would report its use to its makers. What .NET sets is not
    // seen by a library where environments are not Windows'; there the system's own call sets it.
    private static void KeepToOneself()
    {
        const string name = "ORT_DISABLE_TELEMETRY";
        Environment.SetEnvironmentVariable(name, "1");
        if (RuntimeInformation.IsOSPlatform(OSPlatform.Windows))
        {
            SetForLibraries(name, "1");
        }
        else
        {
            SetEnvironment(name, "1", 1);
        }
    }

    [DllImport("ucrtbase", EntryPoint = "_putenv_s")]
    private static extern int SetForLibraries(string name, string value);

    [DllImport("libc", EntryPoint = "setenv")]
    private static extern int SetEnvironment(string name, string value, int overwrite);

    private static void Stream(
        string bundle,
        Model model,
        Tokenizer tokenizer,
        GeneratorParams options,
        Sequences sequences,
        JsonElement prompt)
    {
        HashSet<int> stops = new HashSet<int>(
            prompt.GetProperty("stop_ids").EnumerateArray().Select(id => id.GetInt32()));
        string adapter = prompt.GetProperty("adapter").GetString();
        using (Generator generator = new Generator(model, options))
        using (TokenizerStream pieces = tokenizer.CreateStream())
        using (Adapters adapters = string.IsNullOrEmpty(adapter) ? null : new Adapters(model))
        {
            if (adapters != null)
            {
                string file = Path.Combine(bundle, "model", "adapters", adapter + ".onnx_adapter");
                adapters.LoadAdapter(file, adapter);
                generator.SetActiveAdapter(adapters, adapter);
            }
            generator.AppendTokenSequences(sequences);
            int length = sequences[0].Length;
            while (!generator.IsDone())
            {
                generator.GenerateNextToken();
                ReadOnlySpan<int> sequence = generator.GetSequence(0);
                // The token that ends the answer may be left out of the sequence.
                if (sequence.Length == length || stops.Contains(sequence[sequence.Length - 1]))
                {
                    break;
                }
                length = sequence.Length;
                int token = sequence[length - 1];
                Console.Write(pieces.Decode(token));
                Console.Out.Flush();
            }
            Console.WriteLine();
        }
    }

    // The training's own template: {column}, {?column}…{/column} where it has a value, {{ and }}
    // for braces.
    private static string Fill(string template, Dictionary<string, string> values)
    {
        StringBuilder result = new StringBuilder();
        Stack<bool> hidden = new Stack<bool>();
        int end = 0;
        foreach (Match match in Token.Matches(template))
        {
            bool shown = !hidden.Contains(true);
            if (shown)
            {
                result.Append(template, end, match.Index - end);
            }
            end = match.Index + match.Length;
            string name = match.Groups[1].Value.Trim();
            if (name.StartsWith("?"))
            {
                string value;
                values.TryGetValue(name.Substring(1).Trim(), out value);
                hidden.Push(string.IsNullOrWhiteSpace(value));
            }
            else if (name.StartsWith("/"))
            {
                hidden.Pop();
            }
            else if (shown)
            {
                bool brace = match.Value == "{{" || match.Value == "}}";
                result.Append(brace ? match.Value.Substring(0, 1) : values[name]);
            }
        }
        return result.Append(template, end, template.Length - end).ToString();
    }

    // The columns from the command line; null when one is missing.
    private static Dictionary<string, string> ReadValues(string[] arguments, JsonElement prompt)
    {
        List<string> columns = Strings(prompt.GetProperty("columns"));
        List<string> required = Strings(prompt.GetProperty("required"));
        List<string> free = required.Count > 0 ? required : columns;
        Dictionary<string, string> values = new Dictionary<string, string>();
        foreach (string argument in arguments)
        {
            int at = argument.IndexOf('=');
            if (at > 0 && columns.Contains(argument.Substring(0, at)))
            {
                values[argument.Substring(0, at)] = argument.Substring(at + 1);
            }
            else if (arguments.Length == 1 && free.Count == 1)
            {
                values[free[0]] = argument;
            }
        }
        bool isWhole = values.Count > 0 && required.All(values.ContainsKey);
        return isWhole ? values : null;
    }

    private static List<string> Strings(JsonElement array)
    {
        return array.EnumerateArray().Select(item => item.GetString()).ToList();
    }

    private static JsonElement ReadJson(string file)
    {
        return JsonDocument.Parse(File.ReadAllText(file)).RootElement;
    }

    // The folder that holds prompt.json: above the program, or above where it is called.
    private static string FindBundle()
    {
        foreach (string start in new[] { AppContext.BaseDirectory, Directory.GetCurrentDirectory() })
        {
            for (DirectoryInfo at = new DirectoryInfo(start); at != null; at = at.Parent)
            {
                if (File.Exists(Path.Combine(at.FullName, "prompt.json")))
                {
                    return at.FullName;
                }
            }
        }
        throw new FileNotFoundException("prompt.json of the bundle was not found");
    }
}
