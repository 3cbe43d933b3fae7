// Every worker takes the next chunk of lines, parses it into a block of its own and files the block
// under the chunk's sequence number; so no thread waits for another, the text is read once, and the
// rows still come out in the files' order. When a row is wrong, no new chunk is handed out, but all
// chunks before it are already with some worker: the smallest sequence number among the errors
// is therefore the first wrong row of the data.
#include "algorithms/dataset.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "algorithms/libsvm.h"
#include "algorithms/line_chunks.h"
#include "base/mutex.h"

namespace leat::algorithms {
namespace {

class ParallelReader {
 public:
  ParallelReader(const std::vector<std::string>& files, const ReadOptions& options)
      : options_(options), chunks_(files, options.chunk_bytes) {}

  Result<Dataset> Read() {
    std::vector<char> buffer;
    LineChunk chunk;
    auto more = NextWithRow(buffer, chunk);
    if (!more) return more.error();
    if (!*more) return Error{Code::kInvalid, "there is not a single row in the data"};
    {
      std::vector<std::jthread> workers;
      for (int i = 1; i < options_.threads; ++i) workers.emplace_back([this] { Work(); });
      Parse(chunk);
      Work(std::move(buffer));
    }
    return Assemble();
  }

 private:
  struct Failure {
    LineChunk chunk;  // its text is gone
    RowError row;
    std::optional<Error> reading;  // instead of `row`
  };

  // The first chunk that has a row in it; for CSV it tells how many fields each row must have.
  Result<bool> NextWithRow(std::vector<char>& buffer, LineChunk& chunk) {
    while (true) {
      auto more = chunks_.Next(buffer, chunk);
      if (!more || !*more) return more;
      if (chunk.sequence == 0 && chunk.text.starts_with("\x1f\x8b"))
        return Error{Code::kInvalid, chunks_.File(chunk) +
                                         " is compressed with gzip; set the "
                                         "channel's compressionType to Gzip"};
      fields_ = CountCsvFields(chunk.text);
      if (fields_ > 0) return true;
    }
  }

  void Work(std::vector<char> buffer = {}) {
    LineChunk chunk;
    while (true) {
      auto more = chunks_.Next(buffer, chunk);
      if (!more) {
        MutexLock lock(mu_);
        // Reading fails for the chunk after all those handed out.
        if (!failure_) failure_ = Failure{chunk, {}, more.error()};
        return;
      }
      if (!*more) return;
      Parse(chunk);
    }
  }

  void Parse(const LineChunk& chunk) {
    RowBlock block;
    RowError wrong;
    const bool parsed = options_.format == TextFormat::kCsv
                            ? ParseCsv(chunk.text, options_.csv, fields_, block, wrong)
                            : ParseLibsvm(chunk.text, options_.label_rule, block, wrong);
    if (!parsed) chunks_.Stop();
    MutexLock lock(mu_);
    if (!parsed) {
      if (!failure_ || failure_->reading || chunk.sequence < failure_->chunk.sequence)
        failure_ = Failure{chunk, std::move(wrong), std::nullopt};
      return;
    }
    if (blocks_.size() <= chunk.sequence) blocks_.resize(chunk.sequence + 1);
    blocks_[chunk.sequence] = std::move(block);
  }

  Error Explain(const Failure& failure) const {
    if (failure.reading) return *failure.reading;
    auto first_line = chunks_.FirstLine(failure.chunk);
    if (!first_line) return first_line.error();
    return Error{Code::kInvalid, chunks_.File(failure.chunk) + " line " +
                                     std::to_string(*first_line + failure.row.line) + ": " +
                                     failure.row.message};
  }

  Result<Dataset> Assemble() {
    MutexLock lock(mu_);
    if (failure_) return Explain(*failure_);
    Dataset data;
    data.sparse = options_.format == TextFormat::kLibsvm;
    for (RowBlock& block : blocks_) {
      if (block.rows == 0) continue;
      data.rows += block.rows;
      data.columns = std::max(data.columns, block.column_count);
      data.entries += block.entries;
      data.blocks.push_back(std::move(block));
    }
    if (data.rows == 0) return Error{Code::kInvalid, "there is not a single row in the data"};
    const RowBlock& first = data.blocks.front();
    for (const RowBlock& block : data.blocks)
      if (block.weights.empty() != first.weights.empty() ||
          block.groups.empty() != first.groups.empty())
        return Error{Code::kInvalid, "some rows have a weight or a qid and others have none"};
    return data;
  }

  const ReadOptions& options_;
  LineChunks chunks_;
  size_t fields_ = 0;  // set before the workers start
  Mutex mu_;
  std::vector<RowBlock> blocks_ GUARDED_BY(mu_);  // by sequence number
  std::optional<Failure> failure_ GUARDED_BY(mu_);
};

}  // namespace

Result<Dataset> ReadDataset(const std::vector<std::string>& files, const ReadOptions& options) {
  return ParallelReader(files, options).Read();
}

}  // namespace leat::algorithms
