#include "fuse/request.h"

namespace leat::fuse {

std::optional<Request> ParseRequest(std::string_view bytes) {
  abi::InHeader header;
  std::string_view body = bytes;
  if (!Take(body, header) || header.length != bytes.size()) return std::nullopt;
  const size_t extensions = size_t{header.extension_words} * 8;
  if (extensions > body.size()) return std::nullopt;
  body.remove_suffix(extensions);
  return Request{.opcode = static_cast<abi::Opcode>(header.opcode),
                 .unique = header.unique,
                 .node = header.node,
                 .caller = {.uid = header.uid, .gid = header.gid, .pid = header.pid},
                 .body = body};
}

std::optional<std::string_view> TakeName(std::string_view& body) {
  const size_t end = body.find('\0');
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const std::string_view name = body.substr(0, end);
  if (name.find('/') != std::string_view::npos) return std::nullopt;
  body.remove_prefix(end + 1);
  return name;
}

}  // namespace leat::fuse
