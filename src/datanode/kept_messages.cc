#include "datanode/kept_messages.h"

namespace leat::datanode {
namespace {

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxKeptName && name.find('\0') == std::string_view::npos;
}

}  // namespace

std::string KeepMessage(std::string_view name, std::string_view text) {
  std::string message = "K";
  message += name;
  message += '\0';
  message += text;
  return message;
}

std::string ForgetMessage(std::string_view name) { return "F" + std::string(name); }

std::string EndMessage() { return "E"; }

std::optional<KeptMessage> ParseKeptMessage(io::Message message) {
  const std::string_view bytes = message.bytes;
  if (bytes == "E") return KeptMessage{KeptMessage::Kind::kEnd, {}};
  if (bytes.empty()) return std::nullopt;
  const std::string_view rest = bytes.substr(1);
  if (bytes[0] == 'F' && IsName(rest))
    return KeptMessage{KeptMessage::Kind::kForget, {.name = std::string(rest)}};
  const size_t end = rest.find('\0');
  if (bytes[0] != 'K' || end == std::string_view::npos || !IsName(rest.substr(0, end)))
    return std::nullopt;
  return KeptMessage{KeptMessage::Kind::kKeep,
                     {.name = std::string(rest.substr(0, end)),
                      .text = std::string(rest.substr(end + 1)),
                      .fds = std::move(message.fds)}};
}

bool KeptSizes::Put(const std::string& name, size_t text_bytes, size_t descriptors) {
  const auto old = sizes_.find(name);
  const Size before = old == sizes_.end() ? Size{} : old->second;
  const Size now{.bytes = name.size() + text_bytes, .descriptors = descriptors};
  const Size total{.bytes = total_.bytes - before.bytes + now.bytes,
                   .descriptors = total_.descriptors - before.descriptors + now.descriptors};
  if (total.bytes > kMaxKeptBytes || total.descriptors > kMaxKeptDescriptors) return false;
  if (old == sizes_.end() && sizes_.size() >= kMaxKept) return false;
  sizes_[name] = now;
  total_ = total;
  return true;
}

void KeptSizes::Remove(const std::string& name) {
  const auto old = sizes_.find(name);
  if (old == sizes_.end()) return;
  total_.bytes -= old->second.bytes;
  total_.descriptors -= old->second.descriptors;
  sizes_.erase(old);
}

}  // namespace leat::datanode
