// What supervisor and worker say to each other, one message each: 'K' name NUL text (with the
// descriptors) keeps; 'F' name forgets; 'E' ends what a new worker is sent. Internal to the module.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "datanode/keeper.h"
#include "io/unix_socket.h"

namespace leat::datanode {

inline constexpr size_t kMaxKeptName = 8192;
inline constexpr size_t kMaxKeptMessage = 120u << 10;  // name and text

struct KeptMessage {
  enum class Kind { kKeep, kForget, kEnd };
  Kind kind;
  Kept kept;  // kForget: only the name
};

std::string KeepMessage(std::string_view name, std::string_view text);
std::string ForgetMessage(std::string_view name);
std::string EndMessage();
// nullopt for what is none of these.
std::optional<KeptMessage> ParseKeptMessage(io::Message message);

// How much is kept. Both sides count alike, so that the worker is refused before it sends what the
// supervisor would drop.
class KeptSizes {
 public:
  // False, and nothing counted, when that would pass a limit.
  bool Put(const std::string& name, size_t text_bytes, size_t descriptors);
  void Remove(const std::string& name);

 private:
  struct Size {
    size_t bytes = 0;
    size_t descriptors = 0;
  };
  std::map<std::string, Size> sizes_;
  Size total_;
};

}  // namespace leat::datanode
