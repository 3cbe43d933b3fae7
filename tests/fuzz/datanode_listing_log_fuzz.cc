// The log of a listing that broke off, and the log of objects that were found changed: files that a
// crash may cut anywhere.
//
// Input: flags (1: a log of ours begins it), then the file.
#include <cstring>

#include "datanode/listing_log.h"
#include "datanode/manifest.h"
#include "datanode/tree.h"
#include "scratch_directory.h"

using namespace leat;
using namespace leat::datanode;

namespace {

constexpr char kSource[] = "s3://b/";

void GoOn(const std::string& path) {
  const ListingLog::Past before = ListingLog::Read(path, kSource, 0);
  LEAT_CHECK(before.planned || (before.plan.empty() && before.objects.empty()), "all or nothing");
  if (!before.planned) return;
  const auto log = ListingLog::Open(path, kSource, 0, before.end);
  LEAT_CHECK(bool(log), "it can be gone on with");
  (*log)->Object({.key = "a/b", .size = 7, .etag = "e"});
  (*log)->Finished("a/");
  LEAT_CHECK(bool((*log)->Flush()), "it is written");
  const ListingLog::Past after = ListingLog::Read(path, kSource, 0);
  LEAT_CHECK(after.planned && after.plan == before.plan &&
                 after.objects.size() == before.objects.size() + 1 &&
                 after.objects.back().key == "a/b" && after.finished.contains("a/"),
             "nothing is lost, and nothing comes of a record that was cut short");
}

// A tree of five files, with the amendments that the file has.
void Amend(const std::string& path) {
  static const std::shared_ptr<const Manifest> manifest = [] {
    ManifestBuilder builder(kSource, nullptr);
    for (const char* key : {"a", "b", "c/d", "c/e", "f"}) builder.Add({.key = key, .size = 3});
    const std::string file = fuzz::ScratchDirectory() + "/manifest";
    LEAT_CHECK(bool(builder.Write(file, 0)), "a manifest is written");
    return *Manifest::Open(file);
  }();
  Tree tree(manifest);
  (void)tree.ReadAmendments(path);
  for (const char* key : {"a", "b", "c/d", "c/e", "f"}) {
    const auto entry = tree.FindPath(key);
    if (!entry) continue;
    const auto found = tree.Find(entry->id);
    LEAT_CHECK(found && found->key == key && found->etag == entry->etag,
               "what has an id is found by it");
  }
  const auto entry = tree.FindPath("a");
  if (!entry) return;
  const auto changed = tree.Amend(entry->id, objectstore::ObjectInfo{.key = "a", .etag = "new"},
                                  fuzz::FileOf("amendments", ""));
  LEAT_CHECK(bool(changed), "it can be amended");
  LEAT_CHECK(tree.FindPath("a")->etag == "new", "and then is another");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t flags = fuzz::TakeFlags(data, size);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Amend(fuzz::FileOf("log", bytes));
  std::string log(bytes);
  if ((flags & 1) != 0) {
    const std::string path = fuzz::FileOf("begun", "");
    const auto begun = ListingLog::Open(path, kSource, 0, 0);
    LEAT_CHECK(begun && (*begun)->Flush(), "a log is begun");
    log = *io::ReadFile(path) + log;
  }
  GoOn(fuzz::FileOf("log", log));
  return 0;
}
