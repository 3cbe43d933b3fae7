// multipart/form-data (RFC 7578), read as a stream.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aws/chunked.h"
#include "base/result.h"

namespace leat::awsserver {

// One user: NextPart, then Read until 0, and again.
class FormReader {
 public:
  struct Part {
    std::string name;
    std::string filename;
    std::string content_type;
  };
  FormReader(aws::ByteSource source, std::string_view boundary);

  // The boundary of a Content-Type header; "" when it is not a form's.
  static std::string Boundary(std::string_view content_type);

  // The head of the next part, skipping what is left of this one; nullopt behind the last. kInvalid
  // when malformed, else the source's errors.
  Result<std::optional<Part>> NextPart();
  // The next bytes of the part; 0 at its end.
  Result<size_t> Read(std::span<char> out);
  // What is left of the part; kTooLarge beyond `max_bytes`.
  Result<std::string> ReadPart(size_t max_bytes);

 private:
  Result<bool> Fill();
  Result<std::string> Head();

  const aws::ByteSource source_;
  const std::string delimiter_;  // CRLF, two dashes and the boundary
  std::string buffer_ = "\r\n";  // the first delimiter has no line before it
  size_t at_ = 0;
};

}  // namespace leat::awsserver
