#include "json/yaml.h"

#include <gtest/gtest.h>

#include <limits>

namespace leat::json {
namespace {

// The one document as JSON, or the error's message.
std::string Read(std::string_view text) {
  const Result<std::vector<Value>> documents = ParseYaml(text);
  if (!documents) return documents.error().message;
  return documents->size() == 1 ? Print(documents->front())
                                : std::to_string(documents->size()) + " documents";
}

TEST(ParseYaml, ReadsAManifest) {
  EXPECT_EQ(
      Read(R"(# a pod
apiVersion: v1
kind: Pod
metadata:
  name: web   # the name
  labels: {app: web, "tier": 'front end'}
spec:
  containers:
  - name: c
    args: ["--port=80", -v, '']
    command:
      - sh
      - -c
      - |
        echo "a: b"
        exit 0
    text: >-
      one
      line
)"),
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"app":"web",)"
      R"("tier":"front end"},"name":"web"},"spec":{"containers":[{"args":["--port=80","-v",""],)"
      R"("command":["sh","-c","echo \"a: b\"\nexit 0\n"],"name":"c","text":"one line"}]}})");
}

TEST(ParseYaml, KeepsTheLineEndsOfALastBlock) {
  EXPECT_EQ(Read("a: |\n  x\n"), R"({"a":"x\n"})");
  EXPECT_EQ(Read("a: |\n  x"), R"({"a":"x"})");
  EXPECT_EQ(Read("a: |-\n  x\n\n"), R"({"a":"x"})");
  EXPECT_EQ(Read("a: |+\n  x\n\n"), R"({"a":"x\n\n"})");
}

TEST(ParseYaml, TypesPlainScalarsAsKubernetesDoes) {
  const char* cases[][2] = {{"true", "true"},
                            {"False", "false"},
                            {"yes", "true"},
                            {"NO", "false"},
                            {"on", "true"},
                            {"off", "false"},
                            {"y", "true"},
                            {"N", "false"},
                            {"~", "null"},
                            {"Null", "null"},
                            {"", "null"},
                            {"12", "12"},
                            {"-7", "-7"},
                            {"+7", "7"},
                            {"0x1F", "31"},
                            {"0o17", "15"},
                            {"0644", "420"},
                            {"0", "0"},
                            {"-0x10", "-16"},
                            {"0b101", "5"},
                            {"1_000", "1000"},
                            {"1.5", "1.5"},
                            {".5", "0.5"},
                            {"5.", "5"},
                            {"-1e3", "-1000"},
                            {"1E+2", "100"},
                            {"08", "8"},
                            {"-.5", "-0.5"},
                            {"9223372036854775807", "9223372036854775807"},
                            {"18446744073709551615", "18446744073709551616"}};
  for (const auto& [text, json] : cases)
    EXPECT_EQ(Read("a: " + std::string(text)), "{\"a\":" + std::string(json) + "}") << text;
}

TEST(ParseYaml, KeepsEverythingElseAsText) {
  for (const char* text :
       {"1.2.3", "v1",   "10.0.0.1", "500m",     "1Gi", "2024-05-01", "12:30:45", "tRue",
        "yEs",   "nope", "0x",       "0xg",      "1e",  ".",          "+",        "--1",
        "+-1",   "1-1",  "1,5",      "infinity", "nan", "-inf",       "_1",       "http://a/b",
        "a:b",   "0o8",  "~x",       "e5",       "0b2", "1e400"})
    EXPECT_EQ(Read("a: " + std::string(text)), "{\"a\":\"" + std::string(text) + "\"}");
}

TEST(ParseYaml, KeepsQuotedScalarsAsText) {
  EXPECT_EQ(Read("[\"1\", 'true', \"null\", '~', \"\", \"\\u00e9\\n\"]"),
            R"(["1","true","null","~","","é\n"])");
  EXPECT_EQ(Read("- |\n  12\n"), R"(["12\n"])");
}

TEST(ParseYaml, TagsForceATypeOrFail) {
  EXPECT_EQ(Read("[!!str 12, !!float 3, !!int 0x10, !!str true, !!null ~]"),
            R"(["12",3,16,"true",null])");
  EXPECT_EQ(Read("!!map {a: !!seq [1]}"), R"({"a":[1]})");
  EXPECT_NE(Read("a: !!int x").find("YAML line 1"), std::string::npos);
  EXPECT_NE(Read("a: !Ref x").find("YAML line 1"), std::string::npos);
  EXPECT_NE(Read("a: !Sub [x]").find("YAML line 1"), std::string::npos);
}

TEST(ParseYaml, KeysAreTakenAsWritten) {
  EXPECT_EQ(Read("on: 1\n8080: 2\n'q': 3\ntrue: 4\n1.50: 5\n"),
            R"({"1.50":5,"8080":2,"on":1,"q":3,"true":4})");
  EXPECT_EQ(Read("? [a]\n: 1\n"), "YAML line 1: a key must be a string, not a list or a map");
  EXPECT_EQ(Read("x: {{ value }}\n"), "YAML line 1: a key must be a string, not a list or a map");
}

TEST(ParseYaml, GivesEachDocumentAndLeavesEmptyOnesOut) {
  const auto documents = ParseYaml("---\n---\na: 1\n---\n# nothing\n---\n- 2\n...\n---\nnull\n");
  ASSERT_TRUE(documents) << documents.error().message;
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ((*documents)[0], Object({{"a", 1}}));
  EXPECT_EQ((*documents)[1], Array({2}));
  EXPECT_EQ(ParseYaml("")->size(), 0u);
  EXPECT_EQ(ParseYaml("# only a comment\n")->size(), 0u);
}

TEST(ParseYaml, RefusesTextAfterTheEndOfADocument) {
  EXPECT_EQ(Read("- a\nb: 1\n"), "YAML line 2: did not find expected '-' indicator");
  EXPECT_EQ(Read("[a]\nb: 1\n"),
            "YAML line 2: text after the end of the document; a new one begins with ---");
  for (const char* text : {",", ",---\na: 1\n", "a\n...\nb\n", "[a] b"})
    EXPECT_EQ(Read(text).substr(0, 9), "YAML line") << text;
  EXPECT_EQ(Read("\uFEFFé: 1\n---\n2\n"), "2 documents");
  EXPECT_EQ(Read("%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb\n...\n"), "2 documents");
}

TEST(ParseYaml, ResolvesAliases) {
  EXPECT_EQ(Read("a: &x {n: [1]}\nb: *x\nc: [*x, &y text, *y]\n"),
            R"({"a":{"n":[1]},"b":{"n":[1]},"c":[{"n":[1]},"text","text"]})");
  EXPECT_EQ(Read("a: &k name\n*k : 1\n"), R"({"a":"name","name":1})");
  EXPECT_NE(Read("a: *nowhere\n").find("YAML line 1"), std::string::npos);
  EXPECT_EQ(Read("a: &x [*x]\n"), "YAML line 1: an alias must not refer to what contains it");
}

TEST(ParseYaml, MergeKeysGiveWayToOwnKeysAndEarlierMapsWin) {
  EXPECT_EQ(Read("base: &b {x: 1, y: 2}\nv:\n  y: 3\n  <<: *b\n  z: 4\n"),
            R"({"base":{"x":1,"y":2},"v":{"x":1,"y":3,"z":4}})");
  EXPECT_EQ(Read("<<: [{x: 1}, {x: 2, y: 2}]\n"), R"({"x":1,"y":2})");
  EXPECT_EQ(Read("'<<': 1\n"), R"({"<<":1})");
  EXPECT_EQ(Read("a: 1\n<<: 5\n"), "YAML line 2: << needs a map or a list of maps");
}

TEST(ParseYaml, RefusesDuplicateKeysWithTheLine) {
  EXPECT_EQ(Read("a: 1\nb: 2\na: 3\n"), "YAML line 3: the key \"a\" is there twice");
  EXPECT_EQ(Read(R"({"a": 1, "a": 2})"), "the key \"a\" is there twice");
}

TEST(ParseYaml, RefusesNumbersThatJsonCannotHold) {
  for (const char* text : {".inf", "-.Inf", "+.INF", ".nan", "!!float .inf"})
    EXPECT_NE(Read("a: " + std::string(text)).find("YAML line 1"), std::string::npos) << text;
  EXPECT_EQ(Read("a: '.inf'"), R"({"a":".inf"})");
}

TEST(ParseYaml, SaysWhichLineIsWrong) {
  EXPECT_EQ(Read("a: 1\nb: [1, 2\nc: 3\n").substr(0, 11), "YAML line 3");
  EXPECT_EQ(Read("a: 1\n\tb: 2\n").substr(0, 9), "YAML line");
  EXPECT_EQ(Read("a: b\n  c: d\n").substr(0, 9), "YAML line");
  for (const char* text :
       {"a: \"x\n", "a: \"x\n  ", "a: \"x", "a: 'x\n\n", "[\"x\r\n", "a: {b: 1\n"})
    EXPECT_EQ(Read(text).substr(0, 9), "YAML line") << text;
}

TEST(ParseYaml, RefusesBytesThatAreNotText) {
  EXPECT_EQ(Read("a: 1\nb: \xFF\n"), "YAML line 2: not UTF-8");
  EXPECT_EQ(Read("a: 1\nb: \x04\nc: 1"), "YAML line 2: control character");
  EXPECT_EQ(Read(std::string_view("a\0b", 3)), "YAML line 1: control character");
}

TEST(ParseYaml, BoundsWhatAliasesBlowUp) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string from = "*a" + std::to_string(i - 1), to = "a" + std::to_string(i);
    laughs += to + ": &" + to + " [";
    for (int k = 0; k < 10; ++k) laughs += (k ? ", " : "") + from;
    laughs += "]\n";
  }
  EXPECT_EQ(ParseYaml(laughs).error().code, Code::kTooLarge);

  std::string long_text = "a: &a " + std::string(1 << 20, 'x') + "\nb: [*a";
  for (int i = 0; i < 10'000; ++i) long_text += ",*a";
  EXPECT_EQ(ParseYaml(long_text + "]\n").error().code, Code::kTooLarge);

  const auto with_keys = [](int count) {
    std::string text = "- &a " + std::string(1 << 20, 'x') + "\n";
    for (int i = 0; i < count; ++i) text += "- {*a : 1}\n";
    return ParseYaml(text);
  };
  EXPECT_TRUE(with_keys(10));
  const auto many = with_keys(100);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, Code::kTooLarge);
}

TEST(ParseYaml, ReadsTheEscapesOfYaml) {
  EXPECT_EQ(ParseYaml("\"\\N\\_\\L\\e\\x41\"")->front(), Value("\u0085\u00a0\u2028\x1B"
                                                               "A"));
}

// Of each the size that a request may have; none may take long, or memory, before it is refused.
TEST(ParseYaml, RefusesHostileTextSoon) {
  const auto repeated = [](std::string_view what, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += what;
    return text;
  };
  EXPECT_EQ(Read(repeated("{a: ", 700'000)), "YAML line 1: nested deeper than 200 levels");
  EXPECT_EQ(Read("- " + repeated("[", 2'000'000)), "YAML line 1: nested deeper than 200 levels");
  EXPECT_EQ(Read(repeated("- &a x\n", 200'000)).substr(0, 8), "[\"x\",\"x\"");
  EXPECT_EQ(Read("a: " + repeated("x\n ", 1'000'000)).substr(0, 9), "{\"a\":\"x x");
  std::string tags;
  for (int i = 0; i < 100'000; ++i) tags += "%TAG !a" + std::to_string(i) + "! b\n";
  EXPECT_EQ(Read(tags + "---\na"), "YAML line 101: more than 100 %TAG directives");
}

TEST(ParseYaml, BoundsDepthAndSize) {
  EXPECT_TRUE(ParseYaml(std::string(200, '[') + std::string(200, ']')));
  EXPECT_FALSE(ParseYaml(std::string(201, '[') + std::string(201, ']')));
  EXPECT_FALSE(ParseYaml(std::string(100'000, '[')));
  std::string dashes;
  for (int i = 0; i < 10'000; ++i) dashes += "- ";
  EXPECT_FALSE(ParseYaml(dashes));
  std::string deeper = "a: &a " + std::string(150, '[') + std::string(150, ']') + "\nb: ";
  EXPECT_FALSE(ParseYaml(deeper + std::string(60, '[') + "*a" + std::string(60, ']')));
  EXPECT_EQ(ParseYaml("a: 1", 3).error().code, Code::kTooLarge);
}

TEST(ParseYaml, ReadsJsonWithItsOwnEscapes) {
  EXPECT_EQ(Read("  {\"a\":\"\\ud83d\\ude00\\/\", \"b\":[1,true,null]}\n"),
            R"({"a":"😀/","b":[1,true,null]})");
  EXPECT_EQ(Read("{a: 1,\n b: [x]}"), R"({"a":1,"b":["x"]})");
}

TEST(PrintYaml, WritesBlocksAsKubectlDoes) {
  const Value v = Object(
      {{"kind", "Pod"},
       {"spec", Object({{"args", Array({"sh", "-c", "echo hi\nexit\n", "--x=1"})},
                        {"none", Array()},
                        {"containers", Array({Object({{"image", "a/b:1.2"}, {"name", "c"}}),
                                              Array({1, Array({2.5, nullptr})}), Object()})}})}});
  EXPECT_EQ(PrintYaml(v), R"(kind: Pod
spec:
  args:
  - sh
  - -c
  - |
    echo hi
    exit
  - --x=1
  containers:
  - image: a/b:1.2
    name: c
  - - 1
    - - 2.5
      - null
  - {}
  none: []
)");
}

TEST(PrintYaml, QuotesTextThatWouldReadAsSomethingElse) {
  for (const char* text :
       {"true", "no",  "y",    "12",         "0644",  "1e3", "null",  "~",    "",   " a", "a ",
        "a: b", "a:",  "a #b", "#a",         "- a",   "-",   "---",   "...",  "*a", "&a", "!a",
        "{a}",  "[a]", "a\tb", "2024-05-01", "12:30", "@a",  "`a",    "%a",   "|",  ">",  "=",
        "<<",   ".5",  ".inf", "?",          "'a",    "\"a", "1_000", "0x1f", "é"})
    EXPECT_EQ(PrintYaml(Value(text)).front(), '"') << text;
  for (const char* text : {"web", "a/b:1.2", "-c", "--flag=x y", "10.0.0.1", "500m", "/bin/sh",
                           "a#b", "$(VAR)", "it's", "v1.2.3"})
    EXPECT_EQ(PrintYaml(Value(text)), std::string(text) + "\n");
}

TEST(PrintYaml, IsReadBackEqual) {
  Value v = Object({{"ints", Array({0, -1, INT64_MAX, INT64_MIN})},
                    {"doubles", Array({0.1, -0.0, 1e300, 1e-7, 12345678.5})},
                    {"bools", Array({true, false, nullptr})},
                    {"empty", Array({Object(), Array(), ""})}});
  for (const char* text :
       {"\n",     "\n\n",     "a\n",        "a\n\n",       "a\n\nb",
        " a\nb",  "a\n  b\n", "a\n ",       "a \nb",       "a\r\nb",
        "a\tb\n", "---\na",   "# x\n# y\n", "a: |\n  b\n", "\x7f\u0080\u0085\u2028\uFEFF\uFFFE",
        "日本語", "😀",        "\\",         "a\\b",        "\x01",
        "'",      "''",       "\"",         "yes\n",       "- a\n- b"})
    v.Mut("texts").Push(text).Push(Array({text, text})).Push(Object({{text, text}}));
  v.Mut("long").Set(std::string(3000, 'k'), Array({1, Object({{std::string(2000, '"'), "v"}})}));
  const Result<std::vector<Value>> back = ParseYaml(PrintYaml(v));
  ASSERT_TRUE(back) << back.error().message << "\n" << PrintYaml(v);
  ASSERT_EQ(back->size(), 1u);
  EXPECT_EQ(PrintPretty(back->front()), PrintPretty(v));
}

TEST(PrintYaml, WritesRootScalars) {
  EXPECT_EQ(PrintYaml(Value(1)), "1\n");
  EXPECT_EQ(PrintYaml(Value()), "null\n");
  EXPECT_EQ(PrintYaml(Object()), "{}\n");
  EXPECT_EQ(PrintYaml(Value(std::numeric_limits<double>::infinity())), "null\n");
}

}  // namespace
}  // namespace leat::json
