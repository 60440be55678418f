// Streams one answer of the model in this bundle.
//
//     make && ./answer "some text"       a template with one column, or a message
//     ./answer first=… second=…          a template with several columns
//
// bundle.h holds the values of prompt.json and generation.json.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "bundle.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

// What is used here of onnxruntime-genai's C interface, as its ort_genai_c.h declares it: the
// Python package has the library without that header.
extern "C" {
struct OgaResult;
struct OgaModel;
struct OgaTokenizer;
struct OgaTokenizerStream;
struct OgaSequences;
struct OgaGeneratorParams;
struct OgaGenerator;
struct OgaAdapters;
const char* OgaResultGetError(const OgaResult*);
void OgaDestroyResult(OgaResult*);
void OgaDestroyString(const char*);
void OgaShutdown();
OgaResult* OgaCreateModel(const char* folder, OgaModel** out);
void OgaDestroyModel(OgaModel*);
OgaResult* OgaCreateTokenizer(const OgaModel*, OgaTokenizer** out);
void OgaDestroyTokenizer(OgaTokenizer*);
OgaResult* OgaTokenizerApplyChatTemplate(const OgaTokenizer*, const char* chat_template,
                                         const char* messages, const char* tools,
                                         bool add_generation_prompt, const char** out);
OgaResult* OgaCreateSequences(OgaSequences** out);
void OgaDestroySequences(OgaSequences*);
OgaResult* OgaTokenizerEncode(const OgaTokenizer*, const char* text, OgaSequences*);
std::size_t OgaSequencesGetSequenceCount(const OgaSequences*, std::size_t index);
OgaResult* OgaCreateTokenizerStream(const OgaTokenizer*, OgaTokenizerStream** out);
void OgaDestroyTokenizerStream(OgaTokenizerStream*);
OgaResult* OgaTokenizerStreamDecode(OgaTokenizerStream*, std::int32_t token, const char** out);
OgaResult* OgaCreateGeneratorParams(const OgaModel*, OgaGeneratorParams** out);
void OgaDestroyGeneratorParams(OgaGeneratorParams*);
OgaResult* OgaGeneratorParamsSetSearchNumber(OgaGeneratorParams*, const char* name, double value);
OgaResult* OgaGeneratorParamsSetSearchBool(OgaGeneratorParams*, const char* name, bool value);
OgaResult* OgaCreateGenerator(const OgaModel*, const OgaGeneratorParams*, OgaGenerator** out);
void OgaDestroyGenerator(OgaGenerator*);
OgaResult* OgaCreateAdapters(const OgaModel*, OgaAdapters** out);
void OgaDestroyAdapters(OgaAdapters*);
OgaResult* OgaLoadAdapter(OgaAdapters*, const char* file, const char* name);
OgaResult* OgaSetActiveAdapter(OgaGenerator*, OgaAdapters*, const char* name);
OgaResult* OgaGenerator_AppendTokenSequences(OgaGenerator*, const OgaSequences*);
bool OgaGenerator_IsDone(const OgaGenerator*);
OgaResult* OgaGenerator_GenerateNextToken(OgaGenerator*);
OgaResult* OgaGenerator_GetNextTokens(const OgaGenerator*, const std::int32_t** out,
                                      std::size_t* count);
}

namespace {

using Values = std::map<std::string, std::string>;

// Loaded by main and not by the linker: a library that is loaded has already read its environment.
void* symbol(const char* name) {
#ifdef _WIN32
  static const HMODULE library = LoadLibraryA(GENAI_LIBRARY);
  void* found = library ? reinterpret_cast<void*>(GetProcAddress(library, name)) : nullptr;
#else
  static void* const library = dlopen(GENAI_LIBRARY, RTLD_NOW);
  void* found = library ? dlsym(library, name) : nullptr;
#endif
  if (found == nullptr) throw std::runtime_error(std::string(GENAI_LIBRARY) + ": no " + name);
  return found;
}

#define OGA(name) (*reinterpret_cast<decltype(&name)>(symbol(#name)))

void check(OgaResult* result) {
  if (result == nullptr) return;
  const std::string error = OGA(OgaResultGetError)(result);
  OGA(OgaDestroyResult)(result);
  throw std::runtime_error(error);
}

// One of the library's objects, destroyed where its scope ends.
template <typename T>
class Owned {
 public:
  explicit Owned(void (*destroy)(T*)) : destroy_(destroy) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (object_ != nullptr) destroy_(object_);
  }
  T** out() { return &object_; }
  operator T*() const { return object_; }

 private:
  T* object_ = nullptr;
  void (*destroy_)(T*);
};

void set_environment(const char* name, const char* value) {
#ifdef _WIN32
  _putenv_s(name, value);
#else
  setenv(name, value, 1);
#endif
}

std::string trimmed(const std::string& text) {
  const char* spaces = " \t\n\r\f\v";
  const auto begin = text.find_first_not_of(spaces);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The training's own template: {column}, {?column}…{/column} where it has a value, {{ and }} for
// braces.
std::string fill(const std::string& text, const Values& values) {
  std::string out;
  std::vector<bool> hidden;  // one entry for each optional part that is open
  for (std::size_t at = 0; at < text.size();) {
    const bool shown = std::find(hidden.begin(), hidden.end(), true) == hidden.end();
    const std::string two = text.substr(at, 2);
    const auto end = text.find_first_of("{}\n", at + 1);
    if (two == "{{" || two == "}}") {
      if (shown) out += two[0];
      at += 2;
    } else if (text[at] == '{' && end != std::string::npos && text[end] == '}') {
      const std::string name = trimmed(text.substr(at + 1, end - at - 1));
      if (name[0] == '?') {
        const auto value = values.find(trimmed(name.substr(1)));
        hidden.push_back(value == values.end() || trimmed(value->second).empty());
      } else if (name[0] == '/') {
        hidden.pop_back();
      } else if (shown) {
        out += values.at(name);
      }
      at = end + 1;
    } else {
      if (shown) out += text[at];
      ++at;
    }
  }
  return out;
}

std::string in_json(const std::string& text) {
  static const char digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      out += std::string("\\") + letter;
    } else if (code < 32) {
      out += std::string("\\u00") + digits[code / 16] + digits[code % 16];
    } else {
      out += letter;
    }
  }
  return out + "\"";
}

// The columns from the command line; empty when one is missing.
Values read_values(const std::vector<std::string>& arguments) {
  const auto& required = bundle::required.empty() ? bundle::columns : bundle::required;
  Values values;
  for (const std::string& argument : arguments) {
    const auto at = argument.find('=');
    if (at != std::string::npos && has(bundle::columns, argument.substr(0, at))) {
      values[argument.substr(0, at)] = argument.substr(at + 1);
    } else if (arguments.size() == 1 && required.size() == 1) {
      values[required[0]] = argument;
    }
  }
  for (const std::string& name : bundle::required) {
    if (values.count(name) == 0) return {};
  }
  return values;
}

std::string prompt_text(const OgaTokenizer* tokenizer, const std::vector<std::string>& arguments,
                        const Values& values) {
  if (bundle::is_template) return fill(bundle::prompt, values);
  std::string message;
  for (const std::string& argument : arguments) {
    message += (message.empty() ? "" : " ") + argument;
  }
  const std::string messages = "[{\"role\": \"user\", \"content\": " + in_json(message) + "}]";
  const char* text = nullptr;
  check(OGA(OgaTokenizerApplyChatTemplate)(tokenizer, nullptr, messages.c_str(), nullptr, true, &text));
  const std::string prompt = text;
  OGA(OgaDestroyString)(text);
  return prompt;
}

// The folder that holds prompt.json, above the working folder.
std::filesystem::path find_bundle() {
  auto folder = std::filesystem::current_path();
  while (!std::filesystem::exists(folder / "prompt.json")) {
    if (folder == folder.parent_path()) {
      throw std::runtime_error("prompt.json of the bundle was not found; start this in its folder");
    }
    folder = folder.parent_path();
  }
  return folder;
}

void stream_answer(const std::vector<std::string>& arguments, const Values& values) {
  const auto folder = find_bundle();
  Owned<OgaModel> model(OGA(OgaDestroyModel));
  check(OGA(OgaCreateModel)((folder / "model").u8string().c_str(), model.out()));
  Owned<OgaTokenizer> tokenizer(OGA(OgaDestroyTokenizer));
  check(OGA(OgaCreateTokenizer)(model, tokenizer.out()));
  Owned<OgaSequences> sequences(OGA(OgaDestroySequences));
  check(OGA(OgaCreateSequences)(sequences.out()));
  check(OGA(OgaTokenizerEncode)(tokenizer, prompt_text(tokenizer, arguments, values).c_str(), sequences));

  Owned<OgaGeneratorParams> params(OGA(OgaDestroyGeneratorParams));
  check(OGA(OgaCreateGeneratorParams)(model, params.out()));
  const auto wanted = OGA(OgaSequencesGetSequenceCount)(sequences, 0) + bundle::max_new_tokens;
  const auto longest = std::min<std::size_t>(wanted, bundle::context);
  check(OGA(OgaGeneratorParamsSetSearchNumber)(params, "max_length", static_cast<double>(longest)));
  for (const auto& [name, value] : bundle::search_numbers) {
    check(OGA(OgaGeneratorParamsSetSearchNumber)(params, name.c_str(), value));
  }
  for (const auto& [name, value] : bundle::search_switches) {
    check(OGA(OgaGeneratorParamsSetSearchBool)(params, name.c_str(), value));
  }

  Owned<OgaAdapters> adapters(OGA(OgaDestroyAdapters));
  Owned<OgaGenerator> generator(OGA(OgaDestroyGenerator));
  check(OGA(OgaCreateGenerator)(model, params, generator.out()));
  if (!bundle::adapter.empty()) {
    const auto file = folder / "model" / "adapters" / (bundle::adapter + ".onnx_adapter");
    check(OGA(OgaCreateAdapters)(model, adapters.out()));
    check(OGA(OgaLoadAdapter)(adapters, file.u8string().c_str(), bundle::adapter.c_str()));
    check(OGA(OgaSetActiveAdapter)(generator, adapters, bundle::adapter.c_str()));
  }
  check(OGA(OgaGenerator_AppendTokenSequences)(generator, sequences));
  Owned<OgaTokenizerStream> pieces(OGA(OgaDestroyTokenizerStream));
  check(OGA(OgaCreateTokenizerStream)(tokenizer, pieces.out()));
  while (!OGA(OgaGenerator_IsDone)(generator)) {
    check(OGA(OgaGenerator_GenerateNextToken)(generator));
    const std::int32_t* tokens = nullptr;
    std::size_t count = 0;
    check(OGA(OgaGenerator_GetNextTokens)(generator, &tokens, &count));
    const auto& stops = bundle::stop_ids;
    if (count == 0 || std::find(stops.begin(), stops.end(), tokens[0]) != stops.end()) break;
    const char* piece = nullptr;
    check(OGA(OgaTokenizerStreamDecode)(pieces, tokens[0], &piece));
    std::cout << piece << std::flush;
  }
  std::cout << std::endl;
}

}  // namespace

int main(int count, char** given) {
  // Read when the library is loaded: it would report its use to its makers.
  set_environment("ORT_DISABLE_TELEMETRY", "1");
  set_environment("ORT_LIB_PATH", ORT_LIBRARY);
  const std::vector<std::string> arguments(given + 1, given + count);
  const Values values = read_values(arguments);
  if (arguments.empty() || (bundle::is_template && values.empty())) {
    std::cerr << "usage: ./answer";
    for (const std::string& name : bundle::columns) std::cerr << " " << name << "=TEXT";
    std::cerr << (bundle::is_template ? "" : " TEXT") << std::endl;
    return 2;
  }
  try {
    stream_answer(arguments, values);
    OGA(OgaShutdown)();
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
  return 0;
}
