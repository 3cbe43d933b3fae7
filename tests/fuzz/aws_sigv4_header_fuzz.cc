// Authorization headers and query strings. What parses has a scope that reads back, and canonical
// forms can be made of anything.
#include <cstdint>

#include "aws/sigv2.h"
#include "aws/sigv4.h"

using namespace leat;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const net::Headers headers{{"Authorization", text}, {"X-Amz-Date", "20130524T000000Z"}};
  const net::Query query = net::Query::Parse(text);
  for (const auto& auth :
       {aws::ParseAuthorizationHeader(headers), aws::ParseAuthorizationQuery(query)}) {
    if (!auth) continue;
    aws::Authorization again;
    LEAT_CHECK(aws::ParseCredential("key/" + auth->scope.ToString(), again).has_value(),
               "a scope does not read back");
    const std::string canonical = aws::CanonicalRequest({.method = "GET",
                                                         .path = text,
                                                         .raw_query = text,
                                                         .headers = headers,
                                                         .signed_headers = auth->signed_headers,
                                                         .payload_hash = auth->signature},
                                                        aws::RuleFor(auth->scope.service));
    LEAT_CHECK(canonical.starts_with("GET\n"), "a canonical request without its method");
  }
  aws::StringToSignV2("GET", text, query, headers, text);
  return 0;
}
