#include "awsserver/form_reader.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr size_t kStep = 64 << 10;
constexpr size_t kMaxHead = 8 << 10;

Error Malformed(const char* what) {
  return {Code::kInvalid, std::string("multipart/form-data: ") + what};
}

// The value of `; name="value"` within a header.
std::string Parameter(std::string_view header, std::string_view name) {
  for (size_t at = header.find(';'); at != std::string_view::npos; at = header.find(';', at)) {
    const std::string_view rest = Trim(header.substr(++at));
    const auto pair = Cut(rest, "=");
    if (!pair || !EqualsIgnoreCase(Trim(pair->first), name)) continue;
    const std::string_view value = pair->second;
    if (!value.starts_with('"')) return std::string(Trim(value.substr(0, value.find(';'))));
    std::string text;
    for (size_t i = 1; i < value.size() && value[i] != '"'; ++i) {
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      text += value[i];
    }
    return text;
  }
  return "";
}

}  // namespace

FormReader::FormReader(aws::ByteSource source, std::string_view boundary)
    : source_(std::move(source)), delimiter_("\r\n--" + std::string(boundary)) {}

std::string FormReader::Boundary(std::string_view content_type) {
  if (!EqualsIgnoreCase(Trim(content_type.substr(0, content_type.find(';'))),
                        "multipart/form-data")) {
    return "";
  }
  return Parameter(content_type, "boundary");
}

Result<bool> FormReader::Fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t old_size = buffer_.size();
  buffer_.resize(old_size + kStep);
  const auto got = source_(std::span(buffer_.data() + old_size, kStep));
  buffer_.resize(old_size + (got ? *got : 0));
  if (!got) return got.error();
  return *got > 0;
}

Result<size_t> FormReader::Read(std::span<char> out) {
  while (true) {
    const size_t end = buffer_.find(delimiter_, at_);
    // Without a delimiter in sight the last bytes may be the beginning of one.
    const size_t held_back = delimiter_.size() - 1;
    const size_t safe =
        end != std::string::npos ? end : buffer_.size() - std::min(held_back, buffer_.size() - at_);
    if (end == at_) return 0;
    if (safe > at_) {
      const size_t n = std::min(out.size(), safe - at_);
      std::memcpy(out.data(), buffer_.data() + at_, n);
      at_ += n;
      return n;
    }
    const auto more = Fill();
    if (!more) return more.error();
    if (!*more) return Malformed("the last boundary is missing");
  }
}

Result<std::string> FormReader::ReadPart(size_t max_bytes) {
  std::string all;
  char buffer[4096];
  while (true) {
    const auto got = Read(buffer);
    if (!got) return got.error();
    if (*got == 0) return all;
    all.append(buffer, *got);
    if (all.size() > max_bytes) return Error{Code::kTooLarge, "a form field is too large"};
  }
}

// The lines up to the empty one.
Result<std::string> FormReader::Head() {
  while (true) {
    const size_t end = buffer_.find("\r\n\r\n", at_);
    if (end != std::string::npos) {
      std::string head = buffer_.substr(at_, end - at_);
      at_ = end + 4;
      return head;
    }
    if (buffer_.size() - at_ > kMaxHead) return Malformed("the head of a part is too long");
    const auto more = Fill();
    if (!more) return more.error();
    if (!*more) return Malformed("it ends within the head of a part");
  }
}

Result<std::optional<FormReader::Part>> FormReader::NextPart() {
  char skipped[4096];
  while (true) {
    const auto got = Read(skipped);
    if (!got) return got.error();
    if (*got == 0) break;
  }
  while (buffer_.size() - at_ < delimiter_.size() + 2) {
    const auto more = Fill();
    if (!more) return more.error();
    if (!*more) return Malformed("it ends within a boundary");
  }
  at_ += delimiter_.size();
  if (buffer_.compare(at_, 2, "--") == 0) return std::optional<Part>();
  const auto head = Head();
  if (!head) return head.error();
  Part part;
  for (const std::string_view line : Split(*head, '\n')) {
    const auto pair = Cut(Trim(line), ":");
    if (!pair) continue;
    if (EqualsIgnoreCase(pair->first, "Content-Disposition")) {
      part.name = Parameter(pair->second, "name");
      part.filename = Parameter(pair->second, "filename");
    } else if (EqualsIgnoreCase(pair->first, "Content-Type")) {
      part.content_type = Trim(pair->second);
    }
  }
  if (part.name.empty()) return Malformed("a part has no name");
  return std::optional<Part>(std::move(part));
}

}  // namespace leat::awsserver
