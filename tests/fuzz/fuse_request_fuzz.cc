// What the kernel says on /dev/fuse: any bytes as one request, handed to a file system that answers
// everything; no crash, and no answer twice.
//
// Input: the flags of INIT (1 byte: listings opened or not), then the request. A wrong length in
// the header is mended half of the time, so that what lies behind it is reached.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "base/result.h"
#include "fuse/dispatcher.h"
#include "fuse/mountinfo.h"

using namespace leat::fuse;

namespace {

class Obliging : public Filesystem {
 public:
  void Lookup(const Caller&, NodeId, std::string_view name, Reply reply) override {
    LEAT_CHECK(!name.empty() && name.find('/') == std::string_view::npos, "no name of a file");
    reply.Entry({.node = 2, .attributes = {.ino = 2, .mode = 0100444}});
  }
  void Forget(NodeId, uint64_t) override {}
  void GetAttributes(NodeId, Reply reply) override { reply.Attributes({}, kForever); }
  void ReadLink(NodeId, Reply reply) override { reply.Data("target"); }
  void Open(const Caller&, NodeId, int flags, Reply reply) override {
    LEAT_CHECK((flags & O_ACCMODE) == O_RDONLY, "opened for writing");
    reply.Open({.handle = 1, .mode = OpenMode::kPassthrough, .backing_id = 1});
  }
  void Read(const Caller&, NodeId, uint64_t, uint64_t, uint32_t size, int, Reply reply) override {
    LEAT_CHECK(size <= kMaxRead, "more than was agreed");
    reply.Data(std::string_view("some bytes").substr(0, size));
  }
  void Release(NodeId, uint64_t) override {}
  void ReadDirectory(NodeId, uint64_t offset, DirectoryReply reply) override {
    while (reply.Add("name", {.node = 2}, ++offset)) {
    }
    reply.Done();
  }
  void Seek(NodeId, uint64_t offset, int, Reply reply) override { reply.Offset(offset); }
  void StatFs(Reply reply) override { reply.StatFs(1, 1); }
  void GetXattr(NodeId, std::string_view name, uint32_t, Reply reply) override {
    LEAT_CHECK(!name.empty(), "no name of an attribute");
    reply.Size(1);
  }
  void ListXattr(NodeId, uint32_t, Reply reply) override { reply.Size(0); }
  void Interrupt(uint64_t) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  (void)ParseMountLine(bytes);
  if ((data[0] & 2) != 0 && bytes.size() >= sizeof(abi::InHeader)) {
    const auto length = static_cast<uint32_t>(bytes.size());
    std::memcpy(bytes.data(), &length, sizeof(length));
  }
  static const auto sink =
      std::make_shared<Device>(leat::io::UniqueFd(open("/dev/null", O_WRONLY | O_CLOEXEC)));
  Obliging filesystem;
  Dispatcher dispatcher(filesystem, (data[0] & 1) != 0 ? abi::kNoOpenDirSupport : 0);
  dispatcher.Handle(sink, bytes);
  return 0;
}
