#include "blindsight/vision/dataset_info.h"

#include <array>

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

using Content = DataFile::Content;

/// Train images, train labels, test images, test labels, as MNIST names them.
std::vector<DataFile> idx_files(const std::array<std::string, 4>& sha256) {
  return {{"train-images-idx3-ubyte.gz", "train", Content::kImages, 60000, sha256[0], ""},
          {"train-labels-idx1-ubyte.gz", "train", Content::kLabels, 60000, sha256[1], ""},
          {"t10k-images-idx3-ubyte.gz", "test", Content::kImages, 10000, sha256[2], ""},
          {"t10k-labels-idx1-ubyte.gz", "test", Content::kLabels, 10000, sha256[3], ""}};
}

DatasetInfo mnist() {
  return {"mnist",
          28,
          28,
          1,
          {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
          "https://ossci-datasets.s3.amazonaws.com/mnist/",
          "http://yann.lecun.com/exdb/mnist/",
          idx_files({"440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                     "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                     "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                     "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"})};
}

DatasetInfo fashion_mnist() {
  return {"fashion-mnist",
          28,
          28,
          1,
          {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"},
          "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
          "https://github.com/zalandoresearch/fashion-mnist",
          idx_files({"3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                     "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                     "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                     "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"})};
}

DatasetInfo kmnist() {
  DatasetInfo out{"kmnist",
                  28,
                  28,
                  1,
                  {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"},
                  "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
                  "http://codh.rois.ac.jp/kmnist/",
                  idx_files({"", "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                             "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                             "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"})};
  // Of the training images only the publisher's MD5 is known; the shipped networks were trained without them.
  out.files[0].md5 = "bdb82020997e1d708af4cf47b453dcf7";
  out.files[0].optional = true;
  return out;
}

DatasetInfo cifar10() {
  return {"cifar-10",
          32,
          32,
          3,
          {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
          "",
          "https://www.cs.toronto.edu/~kriz/cifar.html",
          // Checksums of the .xz files that the project uses (98 records differ from the official ones, see
          // docs); the official .bin files, which are read too, have no published checksum each.
          {{"data_batch_1.bin.xz", "train", Content::kRecords, 10000,
            "b321ccdb07ef0d23d90ede3e7a74a3725fa46a1e9b25da66f8c766ffe99406d2", ""},
           {"data_batch_2.bin.xz", "train", Content::kRecords, 10000,
            "e5b998a20f81d78524d4b584027cb0c4c82c80b8932ea51d22cdc2e43997bd11", ""},
           {"data_batch_3.bin.xz", "train", Content::kRecords, 10000,
            "51fe9f4b0aafef24b1b101f94b2438dc2b961050211f93484d13cf0477193bf6", ""},
           {"data_batch_4.bin.xz", "train", Content::kRecords, 10000,
            "171d26f285e42121413db742347e4bfb96d87138bc55ef674fb4b3403cdc6f64", ""},
           {"data_batch_5.bin.xz", "train", Content::kRecords, 10000,
            "297caebae00725f4c90f9e82b8b13445cb812642ab415484a14b940d78ee950b", ""},
           {"test_batch.bin.xz", "test", Content::kRecords, 10000,
            "d821c533a53c07650762994465cd50d3a7e37e11b8f7e795df968d9581c6f8dd", ""}}};
}

/// Steel surface defects (Song, Yan 2013), as a folder a class.
DatasetInfo neu_cls() {
  return {"neu-cls",
          200,
          200,
          1,
          {"crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches"},
          "",
          "http://faculty.neu.edu.cn/songkechen/",
          {}};
}

}  // namespace

const std::vector<DatasetInfo>& known_datasets() {
  static const std::vector<DatasetInfo> all{mnist(), fashion_mnist(), kmnist(), cifar10(), neu_cls()};
  return all;
}

const DatasetInfo& dataset_info(const std::string& name) {
  std::string names;
  for (const auto& info : known_datasets()) {
    if (info.name == name) return info;
    names += (names.empty() ? "" : ", ") + info.name;
  }
  throw InvalidArgument("there is no data set '" + name + "': take one of " + names);
}

}  // namespace blindsight::vision
