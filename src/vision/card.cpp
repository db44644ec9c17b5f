#include "blindsight/vision/card.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "blindsight/base/bytes.h"
#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/vision/quoted.h"

namespace blindsight::vision {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxCard = 1 << 20;
constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxLabels = 65536;
constexpr int kMaxSide = 4096;

/// One JSON object, with the path of keys that leads to it for messages.
class Object {
 public:
  Object(const Json& json, std::string what, std::string path)
      : json_(json), what_(std::move(what)), path_(std::move(path)) {
    if (!json.is_object()) fail("", "must be an object");
  }

  bool has(const char* key) const { return json_.contains(key); }

  const Json& get(const char* key) const {
    const auto it = json_.find(key);
    if (it == json_.end()) fail(key, "is missing");
    return *it;
  }

  std::string text(const char* key) const { return as_text(get(key), key); }

  double number(const char* key) const { return as_number(get(key), key); }

  int integer(const char* key, int low, int high) const {
    const Json& v = get(key);
    const auto range = "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high);
    if (!v.is_number_integer()) fail(key, range);
    const bool fits = v.is_number_unsigned() ? v.get<std::uint64_t>() <= static_cast<std::uint64_t>(high)
                                             : v.get<std::int64_t>() <= high;
    if (!fits || v.get<std::int64_t>() < low) fail(key, range + ", not " + v.dump());
    return v.get<int>();
  }

  bool flag(const char* key) const {
    const Json& v = get(key);
    if (!v.is_boolean()) fail(key, "must be true or false");
    return v.get<bool>();
  }

  std::vector<double> numbers(const char* key, std::size_t count) const {
    const Json& v = get(key);
    if (!v.is_array() || v.size() != count) fail(key, "must be a list of " + std::to_string(count) + " numbers");
    std::vector<double> out;
    for (const auto& item : v) out.push_back(as_number(item, key));
    return out;
  }

  std::vector<std::string> texts(const char* key, std::size_t max_count) const {
    const Json& v = get(key);
    if (!v.is_array() || v.empty() || v.size() > max_count) {
      fail(key, "must be a list of 1 to " + std::to_string(max_count) + " texts");
    }
    std::vector<std::string> out;
    for (const auto& item : v) out.push_back(as_text(item, key));
    return out;
  }

  Object object(const char* key) const { return {get(key), what_, path_ + key + "."}; }

  const Json& json() const { return json_; }

  [[noreturn]] void fail(const std::string& key, const std::string& reason) const {
    const std::string full = path_ + key;
    throw FormatError(what_ + ": " + (full.empty() ? "it" : "'" + full + "'") + " " + reason);
  }

 private:
  std::string as_text(const Json& v, const char* key) const {
    if (!v.is_string() || v.get_ref<const std::string&>().size() > kMaxText) {
      fail(key, "must hold text of at most " + std::to_string(kMaxText) + " bytes");
    }
    return v.get<std::string>();
  }

  double as_number(const Json& v, const char* key) const {
    if (!v.is_number() || !std::isfinite(v.get<double>())) fail(key, "must hold finite numbers");
    return v.get<double>();
  }

  const Json& json_;
  std::string what_;
  std::string path_;
};

Preprocess parse_preprocess(const Object& in) {
  Preprocess out;
  out.width = in.integer("width", 1, kMaxSide);
  out.height = in.integer("height", 1, kMaxSide);
  const std::string color = in.text("color");
  if (color != "gray" && color != "rgb") in.fail("color", "must be \"gray\" or \"rgb\"");
  out.color = color == "gray" ? Color::kGray : Color::kRgb;
  out.scale = in.number("scale");
  if (out.scale == 0) in.fail("scale", "must not be zero");
  out.mean = in.numbers("mean", static_cast<std::size_t>(out.channels()));
  out.std = in.numbers("std", static_cast<std::size_t>(out.channels()));
  for (const double s : out.std) {
    if (!(s > 0)) in.fail("std", "must hold numbers above zero");
    for (const double m : out.mean) {
      if (!std::isfinite((255 * out.scale - m) / s) || !std::isfinite(m / s)) in.fail("std", "is too small");
    }
  }
  if (in.has("equalise")) out.equalise = in.flag("equalise");
  if (out.equalise && out.color != Color::kGray) in.fail("equalise", "is for gray images only");
  return out;
}

Chunking parse_chunking(const Object& in, const Preprocess& input) {
  if (input.color != Color::kGray) in.fail("", "needs a network for gray images");
  Chunking out;
  out.image_width = in.integer("image_width", input.width, kMaxSide);
  out.image_height = in.integer("image_height", 1, kMaxSide);
  out.group = in.integer("group", 1, input.height);
  if (input.height % out.group != 0) in.fail("group", "must divide the height of 'preprocess'");
  out.chunk_height = input.height / out.group;
  if (out.chunk_height > out.image_height) in.fail("image_height", "must hold a chunk");
  if (in.has("whole")) out.whole = in.text("whole");
  if (out.whole.find('/') != std::string::npos) in.fail("whole", "must be a name without folders");
  return out;
}

Evaluation parse_evaluation(const Object& in) {
  Evaluation out;
  if (in.has("split")) out.split = in.text("split");
  if (out.split != "test" && out.split != "train") in.fail("split", "must be \"test\" or \"train\"");
  if (in.has("folds")) out.folds = in.integer("folds", 0, 1000);
  if (out.folds > 0) out.held_out_fold = in.integer("held_out_fold", 0, out.folds - 1);
  return out;
}

}  // namespace

Card parse_card(std::string_view text, const std::string& what) {
  if (text.size() > kMaxCard) throw FormatError(what + ": it is larger than 1 MiB");
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& e) {
    throw FormatError(what + " is not JSON: " + e.what());
  }
  const Object in(json, what, "");
  Card card;
  card.name = in.text("name");
  if (card.name.empty()) in.fail("name", "must not be empty");
  card.dataset = in.text("dataset");
  card.labels = in.texts("labels", kMaxLabels);
  card.preprocess = parse_preprocess(in.object("preprocess"));
  if (in.has("chunks")) card.chunks = parse_chunking(in.object("chunks"), card.preprocess);
  if (in.has("provenance")) card.provenance = in.text("provenance");
  if (in.has("accuracy")) {
    const Object accuracy = in.object("accuracy");
    for (const auto& [key, value] : accuracy.json().items()) {
      if (!value.is_number()) continue;
      if (!std::isfinite(value.get<double>())) accuracy.fail(key, "must be finite");
      card.accuracy[key] = value.get<double>();
    }
  }
  if (in.has("evaluation")) card.evaluation = parse_evaluation(in.object("evaluation"));
  return card;
}

Card read_card(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path, kMaxCard);
  return parse_card({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "card " + quoted(path));
}

std::string to_json(const Card& card) {
  const Preprocess& p = card.preprocess;
  Json out;
  out["name"] = card.name;
  out["dataset"] = card.dataset;
  out["labels"] = card.labels;
  out["preprocess"] = {{"width", p.width}, {"height", p.height}, {"color", p.color == Color::kGray ? "gray" : "rgb"},
                       {"scale", p.scale}, {"mean", p.mean},     {"std", p.std}};
  if (p.equalise) out["preprocess"]["equalise"] = true;
  if (card.chunks) {
    const Chunking& c = *card.chunks;
    out["chunks"] = {{"image_width", c.image_width}, {"image_height", c.image_height}, {"group", c.group}};
    if (!c.whole.empty()) out["chunks"]["whole"] = c.whole;
  }
  out["provenance"] = card.provenance;
  out["accuracy"] = card.accuracy;
  if (card.evaluation) {
    out["evaluation"] = {{"split", card.evaluation->split},
                         {"folds", card.evaluation->folds},
                         {"held_out_fold", card.evaluation->held_out_fold}};
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace blindsight::vision
