#include "awsserver/blob_sweeper.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "aws/sigv4.h"
#include "awsserver/testing/endpoint_fixture.h"
#include "base/strings.h"
#include "hash/hash.h"
#include "io/file.h"

namespace leat::awsserver {
namespace {

void Await(const std::function<bool()>& condition, const char* what) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << what;
    std::this_thread::yield();
  }
}

// One process after another over the same files.
class Sweeper : public ::testing::Test {
 protected:
  struct Process {
    std::unique_ptr<ObjectIndex> index;
    std::unique_ptr<BlobStore> blobs;
    std::unique_ptr<BlobSweeper> sweeper;
  };
  Process Start(const std::string& index = "s3.sqlite") {
    Process process{
        *ObjectIndex::Open(dir_.path() + "/" + index), *BlobStore::Open(dir_.path()), {}};
    (void)process.index->CreateBucket({"b", "us-east-1", 0});
    process.sweeper = *BlobSweeper::Start(dir_.path(), *process.index, *process.blobs);
    return process;
  }
  static std::string Keep(Process& process, const std::string& bytes) {
    auto writer = process.blobs->Create();
    EXPECT_TRUE(writer->Append(bytes));
    return *writer->Keep();
  }
  static void Name(Process& process, const std::string& key, const std::string& blob) {
    ObjectRecord object;
    object.key = key;
    object.pieces = {{blob, 1}};
    EXPECT_TRUE(process.index->Put("b", object, {}));
  }
  static void AwaitSwept(Process& process) {
    Await([&] { return process.index->Runs()->size() == 1; }, "the sweep");
  }
  std::string Listed() const {
    const auto text = io::ReadFile(dir_.path() + "/unnamed-files");
    return text ? *text : "";
  }
  io::TempDir dir_;
};

TEST_F(Sweeper, RemovesUnfinishedUploadsOfItsOwnIndex) {
  std::string unfinished, named;
  {
    Process earlier = Start();
    unfinished = Keep(earlier, "1");
    named = Keep(earlier, "2");
    Name(earlier, "k", named);  // and a crash came before it was settled
  }
  Process process = Start();
  const std::string on_its_way = Keep(process, "3");
  AwaitSwept(process);
  Await([&] { return !process.blobs->Has(unfinished); }, "the unfinished upload is removed");
  EXPECT_TRUE(io::Exists(process.blobs->PathOf({.id = named})));
  EXPECT_TRUE(process.blobs->Has(on_its_way));
  EXPECT_EQ(Listed(), "");
}

TEST_F(Sweeper, RemovesWhatTheIndexFreed) {
  std::string freed;
  {
    Process earlier = Start();
    freed = Keep(earlier, "1");
    Name(earlier, "k", freed);
    earlier.blobs->Settle(freed);
    std::vector<Deletion> deletions{{.key = "k"}};
    ASSERT_EQ(*earlier.index->Delete("b", deletions), FreedBlobs{freed});  // and a crash came here
  }
  Process process = Start();
  AwaitSwept(process);
  EXPECT_FALSE(process.blobs->Has(freed));
  EXPECT_EQ(Listed(), "");
}

TEST_F(Sweeper, KeepsWhatAnotherIndexMayName) {
  std::string settled, unfinished;
  {
    Process earlier = Start();
    settled = Keep(earlier, "1");
    Name(earlier, "k", settled);
    earlier.blobs->Settle(settled);
    unfinished = Keep(earlier, "2");
    Name(earlier, "l", unfinished);
  }
  {
    Process stranger = Start("empty.sqlite");
    Await([&] { return io::Exists(dir_.path() + "/unnamed-files"); }, "the list");
    EXPECT_TRUE(stranger.blobs->Has(settled));
    EXPECT_TRUE(stranger.blobs->Has(unfinished));
    EXPECT_NE(Listed().find(settled + "\n"), std::string::npos) << Listed();
    EXPECT_NE(Listed().find(unfinished + ".new\n"), std::string::npos) << Listed();
  }
  Process process = Start();
  AwaitSwept(process);
  EXPECT_TRUE(process.blobs->Has(settled));
  EXPECT_TRUE(io::Exists(process.blobs->PathOf({.id = unfinished})));
}

TEST_F(Sweeper, KeepsUnfinishedFilesOfAProcessThatWentOnAfterTheIndexWasCopied) {
  std::string settled, late;
  {
    Process earlier = Start();
    earlier.sweeper.reset();
    std::filesystem::copy_file(dir_.path() + "/s3.sqlite-wal", dir_.path() + "/copy.sqlite-wal");
    std::filesystem::copy_file(dir_.path() + "/s3.sqlite", dir_.path() + "/copy.sqlite");
    settled = Keep(earlier, "1");
    Name(earlier, "k", settled);
    earlier.blobs->Settle(settled);
    late = Keep(earlier, "2");
    Name(earlier, "l", late);
  }
  Process process = Start("copy.sqlite");
  AwaitSwept(process);
  EXPECT_TRUE(process.blobs->Has(settled));
  EXPECT_TRUE(process.blobs->Has(late));
}

TEST_F(Sweeper, ACopyOntoItselfFreesNothing) {
  Process process = Start();
  const std::string blob = Keep(process, "1");
  Name(process, "k", blob);
  ASSERT_TRUE(process.index->Put("b", *process.index->Find("b", "k"), {.shared_pieces = true}));
  EXPECT_TRUE(process.index->Freed()->empty());
  EXPECT_EQ(*process.index->NamesBlob(blob), ObjectIndex::Naming::kByRow);
}

// The endpoint with its index taken away, put back, and older.
class IndexLoss : public EndpointTest {
 protected:
  void Stop() {
    server_.reset();
    endpoint_.reset();
  }
  std::string Index() const { return dir_.path() + "/aws/s3.sqlite"; }
  // Starts and waits until the files were looked through.
  void StartAndAwaitList() {
    std::filesystem::remove(dir_.path() + "/aws/unnamed-files");
    Restart();
    Await([&] { return io::Exists(dir_.path() + "/aws/unnamed-files"); }, "the list");
  }
};

TEST_F(IndexLoss, NoStartRemovesTheBytesOfObjects) {
  Put("/bucket", "");
  for (int i = 0; i < 20; ++i) Put("/bucket/" + std::to_string(i), "body " + std::to_string(i));
  Stop();
  std::filesystem::copy_file(Index(), Index() + ".older");
  Restart();
  for (int i = 20; i < 40; ++i) Put("/bucket/" + std::to_string(i), "body " + std::to_string(i));
  Stop();
  std::filesystem::rename(Index(), Index() + ".right");

  ASSERT_TRUE(io::WriteFile(Index(), ""));
  EXPECT_EQ(ObjectIndex::Open(Index()).error().code, Code::kCorrupt);  // it was there before
  EXPECT_EQ(FilesOnDisk(), 40);
  for (const char* suffix : {"", "-wal", ".mark"}) std::filesystem::remove(Index() + suffix);
  StartAndAwaitList();
  EXPECT_EQ(Get("/bucket/0").status, 404);
  EXPECT_EQ(FilesOnDisk(), 40);
  Stop();
  std::filesystem::remove(Index());
  std::filesystem::copy_file(Index() + ".older", Index());
  StartAndAwaitList();
  EXPECT_EQ(Get("/bucket/0").body, "body 0");
  EXPECT_EQ(Get("/bucket/30").status, 404);
  EXPECT_EQ(FilesOnDisk(), 40);
  Stop();
  std::filesystem::rename(Index() + ".right", Index());
  Restart();
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(Get("/bucket/" + std::to_string(i)).body, "body " + std::to_string(i));
  }
}

TEST_F(IndexLoss, AnObjectThatLostItsFileIsRefusedNotCutShort) {
  Put("/bucket", "");
  Put("/bucket/a", "bytes");
  std::filesystem::remove_all(dir_.path() + "/aws/objects");
  EXPECT_EQ(Get("/bucket/a").Code(), "InternalError");
}

TEST_F(IndexLoss, ADamagedPageIsToldAtTheStart) {
  const std::string path = dir_.path() + "/pages.sqlite";
  {
    auto index = *ObjectIndex::Open(path);
    ASSERT_TRUE(index->CreateBucket({"b", "us-east-1", 0}));
    for (int i = 0; i < 500; ++i) {
      ObjectRecord object;
      object.key = std::string(200, 'k') + std::to_string(i);
      ASSERT_TRUE(index->Put("b", object, {}));
    }
    EXPECT_TRUE(index->CheckPages());
  }
  auto bytes = *io::ReadFile(path);
  // The header has the number of pages at byte 28, big-endian; the file is longer than they are.
  size_t pages = 0;
  for (size_t at = 28; at < 32; ++at) pages = pages << 8 | static_cast<unsigned char>(bytes[at]);
  bytes.replace((pages - 1) * 4096, 4096, std::string(4096, 'x'));
  ASSERT_TRUE(io::WriteFile(path, bytes));
  auto index = ObjectIndex::Open(path);
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ((*index)->CheckPages().error().code, Code::kCorrupt);
}

// A reader that does not read keeps the bytes of its own object, and of no other.
TEST_F(IndexLoss, AStalledReaderKeepsItsOwnBytesAlone) {
  Put("/bucket", "");
  const std::string big(32 << 20, 'b');
  Put("/bucket/big", big);
  for (const char* name : {"/bucket/1", "/bucket/2"}) Put(name, "x");
  net::ClientRequest request = Request({.target = "/bucket/big"});
  const std::string empty_hash = HexEncode(hash::Digest(hash::Algorithm::kSha256, ""));
  aws::SignV4(request, {.credentials = root_,
                        .region = "us-east-1",
                        .service = "s3",
                        .now = clock_.Now(),
                        .payload_hash = empty_hash});
  auto reading = net::Client::Make()->Send(std::move(request));
  ASSERT_TRUE(reading);
  for (const char* name : {"/bucket/big", "/bucket/1", "/bucket/2"}) {
    EXPECT_EQ(S3({.method = "DELETE", .target = name}).status, 204);
  }
  EXPECT_EQ(FilesOnDisk(), 1);
  EXPECT_TRUE(*(*reading)->ReadAll() == big);
  Await([&] { return FilesOnDisk() == 0; }, "the bytes go with their reader");
}

}  // namespace
}  // namespace leat::awsserver
