#include "blindsight/vision/card.h"

#include <array>
#include <filesystem>

#include "blindsight/base/file.h"
#include "support.h"

namespace blindsight::vision {
namespace {

const std::string kGood = R"({
  "name": "net", "dataset": "mnist", "labels": ["zero", "one"],
  "preprocess": {"width": 28, "height": 20, "color": "gray", "scale": 0.5, "mean": [0.25], "std": [2]},
  "provenance": "made here", "accuracy": {"clear": 97.5, "note": "text is passed over"},
  "evaluation": {"split": "test", "folds": 5, "held_out_fold": 4}, "range": {"anything": [1, 2]}
})";

std::string with(std::string from, const std::string& to) {
  std::string text = kGood;
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Card, ReadsEveryKey) {
  const Card card = parse_card(kGood);
  EXPECT_EQ(card.name, "net");
  EXPECT_EQ(card.dataset, "mnist");
  EXPECT_EQ(card.labels, (std::vector<std::string>{"zero", "one"}));
  EXPECT_EQ(card.preprocess.width, 28);
  EXPECT_EQ(card.preprocess.height, 20);
  EXPECT_EQ(card.preprocess.color, Color::kGray);
  EXPECT_EQ(card.preprocess.scale, 0.5);
  EXPECT_EQ(card.preprocess.mean, std::vector<double>{0.25});
  EXPECT_EQ(card.preprocess.std, std::vector<double>{2});
  EXPECT_EQ(card.provenance, "made here");
  EXPECT_EQ(card.accuracy, (std::map<std::string, double>{{"clear", 97.5}}));
  ASSERT_TRUE(card.evaluation);
  EXPECT_EQ(card.evaluation->folds, 5);
  EXPECT_EQ(card.evaluation->held_out_fold, 4);
}

TEST(Card, ItsTextReadsBackTheSame) {
  const std::string text = to_json(parse_card(kGood));
  EXPECT_EQ(to_json(parse_card(text)), text);
}

TEST(Card, MayLackWhatIsOptional) {
  const Card card = parse_card(R"({"name": "n", "dataset": "d", "labels": ["a"], "preprocess": {"width": 1,
    "height": 1, "color": "rgb", "scale": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}})");
  EXPECT_FALSE(card.evaluation);
  EXPECT_TRUE(card.accuracy.empty());
  EXPECT_EQ(card.preprocess.channels(), 3);
}

TEST(Card, ReadsChunksAndEqualisation) {
  const Card plain = parse_card(kGood);
  EXPECT_FALSE(plain.chunks);
  EXPECT_FALSE(plain.preprocess.equalise);
  const std::string chunks =
      R"("chunks": {"image_width": 112, "image_height": 60, "group": 4, "whole": "net-whole"}, )";
  const std::string equalise = with("\"std\": [2]", "\"std\": [2], \"equalise\": true");
  std::string text = equalise;
  text.replace(text.find("\"provenance\""), 0, chunks);
  const Card card = parse_card(text);
  EXPECT_TRUE(card.preprocess.equalise);
  ASSERT_TRUE(card.chunks);
  EXPECT_EQ(card.chunks->image_width, 112);
  EXPECT_EQ(card.chunks->image_height, 60);
  EXPECT_EQ(card.chunks->group, 4);
  EXPECT_EQ(card.chunks->chunk_height, 5);  // four of them make the height of 20
  EXPECT_EQ(card.chunks->whole, "net-whole");
  EXPECT_EQ(to_json(parse_card(to_json(card))), to_json(card));
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string bad = text;
    bad.replace(bad.find(from), from.size(), to);
    return message_of<FormatError>([&] { parse_card(bad); });
  };
  EXPECT_NE(refused("\"group\": 4", "\"group\": 3").find("'chunks.group'"), std::string::npos);
  EXPECT_NE(refused("\"group\": 4", "\"group\": 0").find("'chunks.group'"), std::string::npos);
  EXPECT_NE(refused("\"image_width\": 112", "\"image_width\": 27").find("'chunks.image_width'"), std::string::npos);
  EXPECT_NE(refused("\"image_height\": 60", "\"image_height\": 4").find("'chunks.image_height'"), std::string::npos);
  EXPECT_NE(refused("net-whole", "../net").find("'chunks.whole'"), std::string::npos);
  EXPECT_NE(refused("\"equalise\": true", "\"equalise\": 1").find("'preprocess.equalise'"), std::string::npos);
}

TEST(Card, NamesTheMissingKey) {
  for (const std::string key : {"name", "dataset", "labels", "preprocess"}) {
    const auto message = message_of<FormatError>([&] { parse_card(with("\"" + key + "\"", "\"other\"")); });
    EXPECT_NE(message.find("'" + key + "' is missing"), std::string::npos) << message;
  }
  for (const std::string key : {"width", "height", "color", "scale", "mean", "std"}) {
    const auto message = message_of<FormatError>([&] { parse_card(with("\"" + key + "\"", "\"other\"")); });
    EXPECT_NE(message.find("'preprocess." + key + "' is missing"), std::string::npos) << message;
  }
}

TEST(Card, RefusesBadValuesByName) {
  const std::vector<std::array<std::string, 3>> cases{
      {"\"net\"", "7", "'name'"},
      {"\"net\"", "\"\"", "'name'"},
      {"[\"zero\", \"one\"]", "[]", "'labels'"},
      {"[\"zero\", \"one\"]", "[1]", "'labels'"},
      {"28", "0", "'preprocess.width'"},
      {"28", "-3", "'preprocess.width'"},
      {"28", "1000000", "'preprocess.width'"},
      {"28", "18446744073709551615", "'preprocess.width'"},
      {"28", "-9223372036854775808", "'preprocess.width'"},
      {"28", "28.5", "'preprocess.width'"},
      {"\"gray\"", "\"green\"", "'preprocess.color'"},
      {"\"gray\"", "\"rgb\"", "'preprocess.mean'"},
      {"0.5", "0", "'preprocess.scale'"},
      {"[2]", "[0]", "'preprocess.std'"},
      {"[2]", "[-1]", "'preprocess.std'"},
      {"[2]", "[1e-320]", "'preprocess.std'"},
      {"[2]", "[1, 2]", "'preprocess.std'"},
      {"[0.25]", "0.25", "'preprocess.mean'"},
      {"{\"clear\": 97.5, \"note\": \"text is passed over\"}", "[]", "'accuracy.'"},
      {"\"test\"", "\"all\"", "'evaluation.split'"},
      {"\"held_out_fold\": 4", "\"held_out_fold\": 5", "'evaluation.held_out_fold'"},
  };
  for (const auto& [from, to, named] : cases) {
    const auto message = message_of<FormatError>([&] { parse_card(with(from, to)); });
    EXPECT_NE(message.find(named), std::string::npos) << message;
  }
}

TEST(Card, RefusesWhatIsNotJson) {
  EXPECT_THROW(parse_card(""), FormatError);
  EXPECT_THROW(parse_card("[]"), FormatError);
  EXPECT_THROW(parse_card(with("0.5", "1e999")), FormatError);
  EXPECT_THROW(parse_card(with("0.5", "NaN")), FormatError);
  EXPECT_THROW(parse_card(with("net", "\xff")), FormatError);
  EXPECT_THROW(parse_card(std::string(100000, '[')), FormatError);
  EXPECT_THROW(parse_card(std::string((1 << 20) + 1, ' ')), FormatError);
  for (std::size_t size = 0; size < kGood.size(); ++size) {
    EXPECT_THROW(parse_card(std::string_view(kGood).substr(0, size)), FormatError) << size;
  }
}

TEST(Card, FilesAreNamedInMessages) {
  const TemporaryFolder folder;
  EXPECT_THROW(read_card(folder / "none.json"), IoError);
  write_file(folder / "bad.json", Bytes{'{', '}'});
  const auto message = message_of<FormatError>([&] { read_card(folder / "bad.json"); });
  EXPECT_NE(message.find("bad.json"), std::string::npos) << message;
}

TEST(Card, EveryCardOfTheZooIsSound) {
  for (const auto& entry : std::filesystem::directory_iterator(BLINDSIGHT_SOURCE_DIR "/models")) {
    if (entry.path().extension() == ".json") {
      EXPECT_EQ(read_card(entry.path()).name, entry.path().stem().string());
    }
  }
}

}  // namespace
}  // namespace blindsight::vision
