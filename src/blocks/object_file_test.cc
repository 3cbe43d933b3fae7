#include "blocks/object_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "io/file.h"

namespace leat::blocks {
namespace {

class ObjectFileTest : public testing::Test {
 protected:
  static constexpr uint64_t kSize = 2 * kChunkSize + 1000;

  std::string Path(const std::string& ending) const {
    return dir_.path() + "/objects/" + id_.ToHex().substr(0, 2) + "/" + id_.ToHex() + ending;
  }
  static std::string Chunk(char fill, size_t length = kChunkSize) {
    return std::string(length, fill);
  }
  std::shared_ptr<ObjectFile> Filled() {
    auto file = ObjectFile::Create(dir_.path(), id_, kSize);
    EXPECT_TRUE(file) << file.error().message;
    EXPECT_TRUE((*file)->Fill(0, Chunk('a')));
    EXPECT_TRUE((*file)->Fill(1, Chunk('b')));
    EXPECT_TRUE((*file)->Fill(2, Chunk('c', 1000)));
    return *file;
  }
  void Overwrite(const std::string& path, off_t offset, const std::string& bytes) {
    auto fd = io::Open(path, O_WRONLY);
    ASSERT_TRUE(fd);
    ASSERT_TRUE(io::PWriteAll(fd->get(), bytes, offset));
  }

  io::TempDir dir_;
  const ObjectId id_ = ObjectId::Of("s3://b/", "k", "etag", kSize);
};

TEST_F(ObjectFileTest, GivesBackWhatWasFilled) {
  auto file = Filled();
  EXPECT_TRUE(file->complete());
  std::string buffer(kSize + 10, '?');
  auto n = file->Read(0, buffer);
  ASSERT_TRUE(n);
  EXPECT_EQ(*n, kSize);
  EXPECT_EQ(buffer.substr(0, kSize), Chunk('a') + Chunk('b') + Chunk('c', 1000));
}

TEST_F(ObjectFileTest, ReadEndsBeforeAnAbsentChunk) {
  auto file = *ObjectFile::Create(dir_.path(), id_, kSize);
  ASSERT_TRUE(file->Fill(0, Chunk('a')));
  ASSERT_TRUE(file->Fill(2, Chunk('c', 1000)));
  EXPECT_FALSE(file->complete());
  std::string buffer(kSize, '?');
  EXPECT_EQ(*file->Read(kChunkSize - 5, buffer), 5u);
  EXPECT_EQ(*file->Read(kChunkSize, buffer), 0u);
  EXPECT_EQ(*file->Read(2 * kChunkSize, buffer), 1000u);
  EXPECT_EQ(*file->Read(kSize, buffer), 0u);
}

TEST_F(ObjectFileTest, LaterProcessFindsTheChunks) {
  Filled();
  auto file = ObjectFile::Open(dir_.path(), id_);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ((*file)->size(), kSize);
  EXPECT_TRUE((*file)->complete());
  EXPECT_EQ(*(*file)->VerifyAll(), 0u);
  std::string buffer(kSize, '?');
  EXPECT_EQ(*(*file)->Read(0, buffer), kSize);
}

TEST_F(ObjectFileTest, RottenChunkIsDroppedAndCanBeFilledAgain) {
  Filled();
  Overwrite(Path(".data"), kChunkSize + 77, "x");
  auto file = *ObjectFile::Open(dir_.path(), id_);
  std::string buffer(kSize, '?');
  EXPECT_EQ(*file->Read(0, buffer), kChunkSize);
  EXPECT_FALSE(file->Has(1));
  EXPECT_FALSE(file->complete());
  ASSERT_TRUE(file->Fill(1, Chunk('b')));
  EXPECT_EQ(*file->Read(0, buffer), kSize);
}

TEST_F(ObjectFileTest, DroppedChunkStaysDroppedInTheNextProcess) {
  Filled();
  Overwrite(Path(".data"), 0, "x");
  EXPECT_EQ(*(*ObjectFile::Open(dir_.path(), id_))->VerifyAll(), 1u);
  EXPECT_EQ((*ObjectFile::Open(dir_.path(), id_))->present_chunks(), 2u);
}

TEST_F(ObjectFileTest, ForeignFilesAreCorrupt) {
  Filled();
  Overwrite(Path(".chunks"), 20, "x");
  EXPECT_EQ(ObjectFile::Open(dir_.path(), id_).error().code, Code::kCorrupt);
}

TEST_F(ObjectFileTest, DataFileOfAnotherLengthIsCorrupt) {
  Filled();
  ASSERT_EQ(::truncate(Path(".data").c_str(), kSize - 1), 0);
  EXPECT_EQ(ObjectFile::Open(dir_.path(), id_).error().code, Code::kCorrupt);
}

TEST_F(ObjectFileTest, BytesBehindTheMarksAreNoMarks) {
  constexpr uint64_t kChunks = 5000;  // their marks are not read in one piece
  ASSERT_TRUE(ObjectFile::Create(dir_.path(), id_, kChunks * kChunkSize));
  std::string marks;
  for (int n = 0; n < 4096; ++n) marks += "crc!HEAT";
  Overwrite(Path(".chunks"), 64 + (kChunks * 8 + 65536), marks);  // a hole is before them
  auto file = ObjectFile::Open(dir_.path(), id_);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->present_chunks(), 0u);
}

TEST_F(ObjectFileTest, SecondCreateIsRefused) {
  Filled();
  EXPECT_EQ(ObjectFile::Create(dir_.path(), id_, kSize).error().code, Code::kAlreadyExists);
}

TEST_F(ObjectFileTest, DiscardedFileServesItsOwners) {
  auto file = Filled();
  file->Discard();
  EXPECT_FALSE(io::Exists(Path(".data")));
  EXPECT_FALSE(io::Exists(Path(".chunks")));
  std::string buffer(kSize, '?');
  EXPECT_EQ(*file->Read(0, buffer), kSize);
  EXPECT_GE(file->AllocatedBytes(), kSize);
}

TEST_F(ObjectFileTest, DiscardedFileIsCountedWhileItIsOpen) {
  const auto use = std::make_shared<DiskUse>();
  auto file = *ObjectFile::Create(dir_.path(), id_, kSize, use);
  ASSERT_TRUE(file->Fill(0, std::string(kChunkSize, 'x')));
  EXPECT_EQ(use->unlinked, 0u);
  file->Discard();
  EXPECT_GE(use->unlinked, kChunkSize);
  EXPECT_EQ(use->unlinked, use->bytes);
  file.reset();
  EXPECT_EQ(use->unlinked, 0u);
  EXPECT_EQ(use->bytes, 0u);
}

TEST_F(ObjectFileTest, FiveTerabytesTakeNoSpace) {
  const uint64_t size = 5ull << 40;
  auto file = *ObjectFile::Create(dir_.path(), id_, size);
  ASSERT_TRUE(file->Fill(file->chunks() - 1, Chunk('z')));
  EXPECT_LT(file->AllocatedBytes(), 4u << 20);
  auto again = *ObjectFile::Open(dir_.path(), id_);
  EXPECT_EQ(again->present_chunks(), 1u);
  EXPECT_TRUE(*again->Verify(again->chunks() - 1));
}

TEST_F(ObjectFileTest, EmptyObjectIsCompleteAtOnce) {
  auto file = *ObjectFile::Create(dir_.path(), id_, 0);
  EXPECT_TRUE(file->complete());
  std::string buffer(1, '?');
  EXPECT_EQ(*file->Read(0, buffer), 0u);
}

TEST_F(ObjectFileTest, CompletenessIsKnownWithoutOpening) {
  EXPECT_FALSE(ObjectFile::Summarize(dir_.path(), id_));
  auto file = *ObjectFile::Create(dir_.path(), id_, kSize);
  ASSERT_TRUE(file->Fill(0, Chunk('a')));
  ASSERT_TRUE(file->Fill(2, Chunk('c', 1000)));
  const auto partial = ObjectFile::Summarize(dir_.path(), id_);
  ASSERT_TRUE(partial);
  EXPECT_FALSE(partial->complete);
  EXPECT_EQ(partial->size, kSize);
  EXPECT_GT(partial->present, 0u);
  EXPECT_LT(partial->present, kSize);
  ASSERT_TRUE(file->Fill(1, Chunk('b')));
  const auto whole = ObjectFile::Summarize(dir_.path(), id_);
  EXPECT_TRUE(whole->complete);
  EXPECT_EQ(whole->present, kSize);
  EXPECT_EQ(whole->allocated, file->AllocatedBytes());
}

TEST_F(ObjectFileTest, DroppedChunkIsKnownWithoutOpening) {
  Filled();
  Overwrite(Path(".data"), 0, "x");
  auto file = *ObjectFile::Open(dir_.path(), id_);
  EXPECT_TRUE(ObjectFile::Summarize(dir_.path(), id_)->complete);
  ASSERT_TRUE(file->VerifyAll());
  EXPECT_FALSE(ObjectFile::Summarize(dir_.path(), id_)->complete);
  ASSERT_TRUE(file->Fill(0, Chunk('a')));
  EXPECT_TRUE(ObjectFile::Summarize(dir_.path(), id_)->complete);
}

TEST_F(ObjectFileTest, OpeningMendsWhatIsSaidOfCompleteness) {
  Filled();
  ASSERT_EQ(::chmod(Path(".data").c_str(), 0600), 0);  // as a crash may leave it
  EXPECT_FALSE(ObjectFile::Summarize(dir_.path(), id_)->complete);
  EXPECT_TRUE((*ObjectFile::Open(dir_.path(), id_))->complete());
  EXPECT_TRUE(ObjectFile::Summarize(dir_.path(), id_)->complete);
}

TEST_F(ObjectFileTest, ChunksThatTheDiskNoLongerReadsAreAbsent) {
  auto file = Filled();
  ASSERT_EQ(::truncate(Path(".data").c_str(), kChunkSize), 0);
  std::string buffer(100, '?');
  EXPECT_FALSE(file->Read(kChunkSize, buffer));
  EXPECT_FALSE(file->Has(1));
  EXPECT_FALSE(file->complete());
  EXPECT_EQ(*file->Read(0, buffer), buffer.size());
}

}  // namespace
}  // namespace leat::blocks
