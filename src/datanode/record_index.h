// Where the records of a file lie: the index files that data loaders keep beside their data, and
// TFRecord's own framing. No I/O. Inside the module.
//
// - Beside a TFRecord file, a line "OFFSET SIZE" a record, header and footer included: written by
//   tfrecord2idx of NVIDIA DALI (its tools/tfrecord2idx) and of the PyTorch package tfrecord
//   (vahidk/tfrecord, tools/tfrecord2idx.py).
// - Beside a WebDataset tar, "v1.2 SAMPLES", then a line a sample with "EXTENSION OFFSET SIZE NAME"
//   for each of its files, OFFSET that of the bytes; "v1.1" has no NAME: written by wds2idx of DALI
//   (tools/wds2idx.py), read by its webdataset_loader.cc.
// - A TFRecord is the length of its bytes (8, little-endian), the masked CRC32C of that (4), the
//   bytes, and theirs (4): tensorflow.org/tutorials/load_data/tfrecord.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leat::datanode {

struct Extent {
  uint64_t offset = 0;
  uint64_t length = 0;
};

// The records or samples of a file of `file_size` bytes, by number. A sample is what lies between
// the header of its first file and the end of its last. kInvalid names `name` and the line;
// kTooLarge: more than kMostRecords.
inline constexpr uint64_t kMostRecords = 2'000'000;
Result<std::vector<Extent>> ParseRecordIndex(std::string_view text, std::string_view name,
                                             uint64_t file_size);

// The paths where the index of a file may be, the likeliest first: a.tfrecord.idx,
// a.tfrecord.index, a.idx, a.index.
std::vector<std::string> IndexPathsOf(const std::string& path);

inline constexpr uint64_t kRecordHeader = 12;

// Of a whole TFRecord, from the kRecordHeader bytes that it begins with. kCorrupt: the checksum of
// the length is wrong.
Result<uint64_t> RecordLength(std::string_view header);

}  // namespace leat::datanode
