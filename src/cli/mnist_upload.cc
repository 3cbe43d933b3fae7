#include "cli/mnist_upload.h"

#include <fmt/format.h>
#include <zlib.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/s3_access.h"

namespace leat::cli {
namespace {

constexpr char kDataset[] = "/usr/share/datasets/fashion-mnist";
constexpr size_t kPixels = 784;
constexpr size_t kNumberSize = 25;  // "7.812500000000000000e-03" and its comma or newline
constexpr size_t kTrain = 50'000;

// A gzip-compressed IDX file of unsigned bytes, whole.
struct Idx {
  std::vector<uint32_t> shape;
  std::string bytes;
};

Result<Idx> ReadIdx(const std::string& path) {
  const Error missing{Code::kNotFound,
                      path +
                          " cannot be read: apt-get install dataset-fashion-mnist, or give another "
                          "directory with --dataset"};
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return missing;
  std::string all;
  char block[1 << 16];
  int got = 0;
  while ((got = gzread(file, block, sizeof block)) > 0) all.append(block, static_cast<size_t>(got));
  gzclose(file);
  const auto word = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(all[at + i]);
    return value;
  };
  const Error wrong{Code::kCorrupt, path + " is not an IDX file of bytes"};
  if (got < 0 || all.size() < 4 || word(0) >> 8 != 8) return wrong;
  const size_t dimensions = word(0) & 0xFF, header = 4 + 4 * dimensions;
  if (dimensions == 0 || dimensions > 3 || all.size() < header) return wrong;
  Idx idx;
  size_t size = 1;
  for (size_t i = 0; i < dimensions; ++i) {
    idx.shape.push_back(word(4 + 4 * i));
    size *= idx.shape.back();
  }
  if (all.size() - header != size) return wrong;
  idx.bytes = all.substr(header);
  return idx;
}

// A run of images, with or without labels, as CSV rows. Pixels have 256 values and labels ten, so
// every number is formatted once.
class CsvSource {
 public:
  CsvSource(const Idx& images, const Idx* labels, size_t first, size_t rows)
      : images_(images), labels_(labels), next_(first), end_(first + rows) {
    for (size_t i = 0; i < 256; ++i) {
      std::snprintf(pixel_[i].data(), kNumberSize + 1, "%.18e,", static_cast<double>(i) / 256);
      std::snprintf(label_[i].data(), kNumberSize + 1, "%.18e,", static_cast<double>(i));
    }
  }

  uint64_t size() const { return (end_ - next_) * RowSize(); }

  Result<size_t> Fill(std::span<char> buffer) {
    size_t filled = 0;
    while (filled < buffer.size() && (row_at_ < row_.size() || next_ < end_)) {
      if (row_at_ == row_.size()) MakeRow();
      const size_t size = std::min(buffer.size() - filled, row_.size() - row_at_);
      std::memcpy(buffer.data() + filled, row_.data() + row_at_, size);
      filled += size;
      row_at_ += size;
    }
    return filled;
  }

 private:
  using Number = std::array<char, kNumberSize + 1>;

  size_t RowSize() const { return (kPixels + (labels_ != nullptr ? 1 : 0)) * kNumberSize; }

  void MakeRow() {
    row_.clear();
    if (labels_ != nullptr)
      row_.append(label_[static_cast<unsigned char>(labels_->bytes[next_])].data(), kNumberSize);
    for (size_t i = 0; i < kPixels; ++i)
      row_.append(pixel_[static_cast<unsigned char>(images_.bytes[next_ * kPixels + i])].data(),
                  kNumberSize);
    row_.back() = '\n';
    row_at_ = 0;
    ++next_;
  }

  const Idx& images_;
  const Idx* labels_;
  size_t next_;
  const size_t end_;
  std::array<Number, 256> pixel_, label_;
  std::string row_;
  size_t row_at_ = 0;
};

struct UploadFlags {
  std::string bucket, prefix, dataset = kDataset;
};

Status UploadPart(objectstore::S3Client& s3, const UploadFlags& flags, const char* name,
                  CsvSource source, bool labelled) {
  const uint64_t size = source.size();
  const size_t rows = size / (kNumberSize * (kPixels + (labelled ? 1 : 0)));
  std::printf("%s: (%zu, %zu) (%zu,)\n", name, rows, kPixels, rows);
  const objectstore::S3Url url{flags.bucket, fmt::format("{}/{}/examples", flags.prefix, name)};
  std::printf("Uploading %llu bytes to %s\n", static_cast<unsigned long long>(size),
              url.ToString().c_str());
  std::fflush(stdout);
  Progress progress(name, size);
  auto done = s3.UploadStream(
      url, [&](std::span<char> buffer) { return source.Fill(buffer); },
      [&](uint64_t n) { progress.Add(n); });
  if (done) progress.Finish();
  return done;
}

Status Upload(UploadFlags flags) {
  while (flags.prefix.ends_with('/')) flags.prefix.pop_back();
  std::printf("Reading dataset from %s\n", flags.dataset.c_str());
  auto images = ReadIdx(flags.dataset + "/train-images-idx3-ubyte.gz");
  if (!images) return images.error();
  auto labels = ReadIdx(flags.dataset + "/train-labels-idx1-ubyte.gz");
  if (!labels) return labels.error();
  auto test = ReadIdx(flags.dataset + "/t10k-images-idx3-ubyte.gz");
  if (!test) return test.error();
  const size_t count = labels->bytes.size();
  if (count <= kTrain || images->bytes.size() != count * kPixels ||
      test->bytes.size() % kPixels != 0)
    return Error{Code::kCorrupt, flags.dataset + " does not hold 28 x 28 images with labels"};

  const auto access = FindS3Access();
  if (!access) return access.error();
  objectstore::S3Client s3(*access);
  const Status made = FirstCall(*access, [&] { return s3.CreateBucket(flags.bucket); });
  if (!made && made.error().code != Code::kAlreadyExists) return made;
  if (auto done = UploadPart(s3, flags, "train", {*images, &*labels, 0, kTrain}, true); !done)
    return done;
  if (auto done =
          UploadPart(s3, flags, "validation", {*images, &*labels, kTrain, count - kTrain}, true);
      !done)
    return done;
  return UploadPart(s3, flags, "test", {*test, nullptr, 0, test->bytes.size() / kPixels}, false);
}

}  // namespace

int MnistUploadMain(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  UploadFlags flags;
  CLI::App app{"Uploads Fashion-MNIST to S3 as CSV for SageMaker's XGBoost",
               "upload_xgboost_mnist_dataset"};
  app.add_option("--s3-bucket", flags.bucket, "Bucket to upload to")->required();
  app.add_option("--s3-prefix", flags.prefix, "Prefix of the keys, e.g. xgboost-mnist")->required();
  app.add_option("--dataset", flags.dataset, "Directory of the IDX files")->capture_default_str();
  if (const auto status = ParseCommandLine(app, Arguments(app, argc, argv))) return *status;
  const Status done = Upload(flags);
  return done ? 0 : Fail(done.error());
}

}  // namespace leat::cli
