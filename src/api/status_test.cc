#include "api/status.h"

#include <gtest/gtest.h>

#include "api/testing/objects.h"

namespace leat::api {
namespace {

TEST(Status, NamesTheHttpStatusAndReasonOfEveryCode) {
  EXPECT_EQ(StatusKindOf(Code::kNotFound).http_status, 404);
  EXPECT_EQ(StatusKindOf(Code::kNotFound).reason, "NotFound");
  EXPECT_EQ(StatusKindOf(Code::kConflict).http_status, 409);
  EXPECT_EQ(StatusKindOf(Code::kAlreadyExists).reason, "AlreadyExists");
  EXPECT_EQ(StatusKindOf(Code::kExpired).http_status, 410);
  EXPECT_EQ(StatusKindOf(Code::kInvalid).http_status, 400);
}

TEST(Status, SaysWhatIsWrongWithAnObject) {
  const std::vector<FieldError> one = {
      {"FieldValueRequired", "spec.containers[0].image", "Required value"}};
  const json::Value status = InvalidStatus("", "Pod", "x", one);
  EXPECT_EQ(status["message"].AsString(),
            "Pod \"x\" is invalid: spec.containers[0].image: Required value");
  EXPECT_EQ(status["code"].AsInt(), 422);
  EXPECT_EQ(status["reason"].AsString(), "Invalid");
  EXPECT_EQ(status["details"],
            Y("{kind: Pod, name: x, causes: [{reason: FieldValueRequired, message: Required value, "
              "field: 'spec.containers[0].image'}]}"));
}

TEST(Status, PutsSeveralErrorsInBracketsAndNamesTheGroup) {
  const Error error = InvalidError("example.com", "Thing", "x",
                                   {{"r", "a", "Required value"}, {"r", "b", "Required value"}});
  EXPECT_EQ(error.message,
            "Thing.example.com \"x\" is invalid: [a: Required value, b: Required value]");
  EXPECT_EQ(error.code, Code::kInvalid);
}

TEST(Status, ErrorsComeBackFromTheirStatusObjects) {
  const Error errors[] = {NotFoundError("pods", "x"),
                          AlreadyExistsError("pods", "x"),
                          ConflictError("things.example.com", "x"),
                          {Code::kForbidden, "no"},
                          {Code::kExpired, "too old"},
                          {Code::kUnavailable, "later"},
                          {Code::kTimeout, "slow"},
                          {Code::kInvalid, "bad"}};
  for (const Error& error : errors) {
    const json::Value status = StatusObject(error);
    const Error back = ErrorFromStatus(static_cast<int>(status["code"].AsInt()), Print(status));
    EXPECT_EQ(back.code, error.code) << error.message;
    EXPECT_EQ(back.message, error.message);
  }
}

TEST(Status, AnswersThatAreNoStatusStillTellTheirCode) {
  const Error proxy = ErrorFromStatus(502, "<html>bad gateway</html>");
  EXPECT_EQ(proxy.code, Code::kUnavailable);
  EXPECT_EQ(proxy.message, "the server answered HTTP 502: <html>bad gateway</html>");
  EXPECT_EQ(ErrorFromStatus(404, "").code, Code::kNotFound);
  EXPECT_EQ(ErrorFromStatus(500, "{}").code, Code::kInternal);
  EXPECT_EQ(ErrorFromStatus(422, "").code, Code::kInvalid);
}

TEST(Status, UpstreamsWords) {
  EXPECT_EQ(NotFoundError("pods", "x").message, "pods \"x\" not found");
  EXPECT_EQ(AlreadyExistsError("pods", "x").message, "pods \"x\" already exists");
  EXPECT_EQ(ConflictError("pods", "x").message,
            "Operation cannot be fulfilled on pods \"x\": the object has been modified; please "
            "apply your changes to the latest version and try again");
}

}  // namespace
}  // namespace leat::api
