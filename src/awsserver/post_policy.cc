#include "awsserver/post_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/strings.h"
#include "json/value.h"

namespace leat::awsserver {
namespace {

AwsError Malformed(std::string_view what) {
  return {"InvalidPolicyDocument", fmt::format("Invalid Policy: {}", what), 400};
}

AwsError Denied(std::string_view why) {
  return {"AccessDenied", fmt::format("Invalid according to Policy: {}", why), 403};
}

const std::string* Find(const Fields& form, std::string_view name) {
  for (const auto& [field, value] : form) {
    if (field == name) return &value;
  }
  return nullptr;
}

// Fields that carry the proof itself need no condition.
bool NeedsCondition(std::string_view name) {
  constexpr std::array<std::string_view, 5> kExempt = {"policy", "signature", "awsaccesskeyid",
                                                       "x-amz-signature", "file"};
  return std::find(kExempt.begin(), kExempt.end(), name) == kExempt.end() &&
         !name.starts_with("x-ignore-");
}

class Checker {
 public:
  explicit Checker(const Fields& form) : form_(form) {}

  Answer<void> Check(const json::Value& condition) {
    if (condition.IsObject()) {
      if (condition.size() != 1) {
        return Malformed(
            "Invalid Simple-Condition: Simple-Conditions must have exactly one "
            "property specified.");
      }
      const json::Member& member = condition.Members().front();
      return Exactly(condition, Lower(member.key), member.value.AsString());
    }
    if (!condition.IsArray() || condition.size() != 3) return Malformed("malformed condition");
    const std::string match = Lower(condition[0].AsString());
    if (match == "content-length-range") return SizeRange(condition);
    const std::string_view field = condition[1].AsString();
    if (!field.starts_with('$')) return Malformed("a condition's field must start with $");
    const std::string name = Lower(field.substr(1));
    if (match == "eq") return Exactly(condition, name, condition[2].AsString());
    if (match == "starts-with") return Starts(condition, name, condition[2].AsString());
    return Malformed("unknown condition " + match);
  }

  Answer<void> CheckNothingExtra() const {
    for (const auto& [name, value] : form_) {
      if (NeedsCondition(name) && !mentioned_.contains(name)) {
        return Denied("Extra input fields: " + name);
      }
    }
    return {};
  }

  SizeLimits limits;

 private:
  AwsError Failed(const json::Value& condition) const {
    return Denied("Policy Condition failed: " + json::Print(condition));
  }

  Answer<void> Exactly(const json::Value& condition, const std::string& name,
                       std::string_view value) {
    mentioned_.insert(name);
    const std::string* field = Find(form_, name);
    if (field == nullptr || *field != value) return Failed(condition);
    return {};
  }

  Answer<void> Starts(const json::Value& condition, const std::string& name,
                      std::string_view prefix) {
    mentioned_.insert(name);
    const std::string* field = Find(form_, name);
    if (field == nullptr ? !prefix.empty() : !field->starts_with(prefix)) return Failed(condition);
    return {};
  }

  Answer<void> SizeRange(const json::Value& condition) {
    const auto number = [](const json::Value& value) -> int64_t {
      if (!value.IsString()) return value.AsInt(-1);
      const auto parsed = ParseInt(value.AsString());
      return parsed ? *parsed : -1;
    };
    const int64_t min = number(condition[1]), max = number(condition[2]);
    if (min < 0 || max < min) return Malformed("malformed content-length-range");
    limits = {std::max(limits.min, static_cast<uint64_t>(min)),
              std::min(limits.max, static_cast<uint64_t>(max))};
    return {};
  }

  const Fields& form_;
  std::set<std::string> mentioned_;
};

}  // namespace

Answer<SizeLimits> CheckPostPolicy(std::string_view policy_json, const Fields& form, WallTime now) {
  const auto policy = json::Parse(policy_json);
  if (!policy || !policy->IsObject()) return Malformed("Invalid JSON.");
  const auto expiration = ParseTime((*policy)["expiration"].AsString());
  if (!expiration) return Malformed("Policy missing expiration.");
  if (now > *expiration) return Denied("Policy expired.");
  if (!(*policy)["conditions"].IsArray()) return Malformed("Policy missing conditions.");
  Checker checker(form);
  for (const json::Value& condition : (*policy)["conditions"].Items()) {
    if (auto holds = checker.Check(condition); !holds) return holds.error();
  }
  if (auto fine = checker.CheckNothingExtra(); !fine) return fine.error();
  return checker.limits;
}

}  // namespace leat::awsserver
