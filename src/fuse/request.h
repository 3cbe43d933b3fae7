// Requests as they come from the kernel, taken apart. Nothing here trusts a length.
#pragma once

#include <cstring>
#include <optional>
#include <string_view>

#include "fuse/abi.h"
#include "fuse/abi_messages.h"
#include "fuse/filesystem.h"

namespace leat::fuse {

struct Request {
  abi::Opcode opcode;
  uint64_t unique = 0;
  NodeId node = 0;
  Caller caller;
  std::string_view body;  // into the buffer it was parsed from; without extensions
};

// nullopt when the header is cut short or tells another length than the buffer has.
std::optional<Request> ParseRequest(std::string_view bytes);

// Cuts a structure off the front of the body; false when the body is too short.
template <class T>
bool Take(std::string_view& body, T& structure) {
  if (body.size() < sizeof(T)) return false;
  std::memcpy(&structure, body.data(), sizeof(T));
  body.remove_prefix(sizeof(T));
  return true;
}

// Cuts a NUL-terminated name off the front; nullopt when it has no end, is empty, or has a '/'.
std::optional<std::string_view> TakeName(std::string_view& body);

}  // namespace leat::fuse
