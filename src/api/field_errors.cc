#include "api/field_errors.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace leat::api {
namespace {

FieldError Make(std::string_view reason, std::string_view field, std::string message) {
  return {std::string(reason), std::string(field), std::move(message)};
}

}  // namespace

std::string Quoted(const json::Value& value) {
  constexpr size_t kLongest = 4096;
  std::string text = json::Print(value);
  if (text.size() > kLongest) {
    text.resize(Utf8Floor(text, kLongest));
    text += "...";
  }
  return text;
}

FieldError Required(std::string_view field, std::string_view detail) {
  return Make("FieldValueRequired", field,
              detail.empty() ? "Required value" : fmt::format("Required value: {}", detail));
}

FieldError InvalidValue(std::string_view field, const json::Value& value, std::string_view detail) {
  return Make("FieldValueInvalid", field,
              fmt::format("Invalid value: {}: {}", Quoted(value), detail));
}

FieldError Forbidden(std::string_view field, std::string_view detail) {
  return Make("FieldValueForbidden", field, fmt::format("Forbidden: {}", detail));
}

FieldError Duplicate(std::string_view field, const json::Value& value) {
  return Make("FieldValueDuplicate", field, fmt::format("Duplicate value: {}", Quoted(value)));
}

FieldError TooLong(std::string_view field, int64_t limit) {
  return Make("FieldValueTooLong", field,
              fmt::format("Too long: may not be longer than {}", limit));
}

FieldError NotSupported(std::string_view field, const json::Value& value,
                        const std::vector<json::Value>& supported) {
  std::string list;
  for (const json::Value& one : supported) {
    if (!list.empty()) list += ", ";
    list += Quoted(one);
  }
  return Make("FieldValueNotSupported", field,
              fmt::format("Unsupported value: {}: supported values: {}", Quoted(value), list));
}

FieldError NotFoundValue(std::string_view field, const json::Value& value) {
  return Make("FieldValueNotFound", field, fmt::format("Not found: {}", Quoted(value)));
}

}  // namespace leat::api
