// A disk that fills up under a running server.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {
namespace {

// Within a mount namespace of its own, which goes with this process.
class SmallDisk {
 public:
  SmallDisk() {
    ok_ = unshare(CLONE_NEWNS) == 0 &&
          mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
          mount("leat-test", dir_.path().c_str(), "tmpfs", 0, "size=4m") == 0;
  }
  ~SmallDisk() { umount2(dir_.path().c_str(), MNT_DETACH); }
  bool ok() const { return ok_; }
  const std::string& path() const { return dir_.path(); }

 private:
  io::TempDir dir_;
  bool ok_ = false;
};

class FullDiskTest : public HttpApiTest {
 public:
  void TestBody() override {}
  using HttpApiTest::Send;
  const std::string& dir() const { return dir_.path(); }

  HttpAnswer Put(const std::string& name) {
    return Send("POST", "/api/v1/namespaces/default/configmaps",
                json::Print(ConfigMap(name, std::string(50'000, 'x'))));
  }
  HttpAnswer Delete(const std::string& name) {
    return Send("DELETE", "/api/v1/namespaces/default/configmaps/" + name);
  }
  HttpAnswer Get(const std::string& name) {
    return Send("GET", "/api/v1/namespaces/default/configmaps/" + name);
  }
};

void FillTheDisk() {
  const SmallDisk disk;
  ASSERT_TRUE(disk.ok());
  const std::string ballast = disk.path() + "/ballast";
  ASSERT_TRUE(io::WriteFile(ballast, std::string(2 << 20, 'x')));
  setenv("TMPDIR", disk.path().c_str(), 1);  // where the server's directory is made
  FullDiskTest api;
  json::Value jobs = WidgetDefinition();
  jobs.Mut("spec")
      .Mut("versions")
      .MutItems()[0]
      .Mut("schema")
      .Mut("openAPIV3Schema")
      .Mut("properties")
      .Mut("spec")
      .Mut("properties")
      .Set("stop", json::Object({{"type", "boolean"}}));
  constexpr const char* kJob = "/apis/example.com/v1/namespaces/default/widgets/w";
  const net::Headers merge{{"Content-Type", "application/merge-patch+json"}};
  EXPECT_EQ(
      api.Send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json::Print(jobs))
          .status,
      201);
  EXPECT_EQ(api.Send("POST", "/apis/example.com/v1/namespaces/default/widgets",
                     json::Print(Widget("w", 1)))
                .status,
            201);
  int written = 0;
  HttpAnswer answer;
  do {
    answer = api.Put("m" + std::to_string(written++));
  } while (answer.status == 201 && written < 200);
  const std::string refused = "m" + std::to_string(written - 1);
  EXPECT_EQ(answer.status, 503) << answer.body;
  EXPECT_EQ(answer.json["reason"].AsString(), "ServiceUnavailable");
  EXPECT_NE(answer.Message().find("nothing was changed: write configmaps default/" + refused +
                                  " to the disk that holds " + api.dir()),
            std::string::npos)
      << answer.Message();
  EXPECT_NE(answer.Message().find("free some space"), std::string::npos) << answer.Message();
  EXPECT_EQ(api.Get("m0").status, 200);
  EXPECT_EQ(api.Get(refused).status, 404);
  EXPECT_EQ(api.Send("PATCH", kJob, R"({"spec":{"size":2}})", merge).status, 503);
  EXPECT_EQ(api.Send("PATCH", kJob, R"({"spec":{"stop":true}})", merge).status, 200);
  EXPECT_EQ(api.Delete("m0").status, 200);
  EXPECT_EQ(api.Get("m0").status, 404);
  ASSERT_TRUE(io::Remove(ballast));
  EXPECT_EQ(api.Put(refused).status, 201);
  EXPECT_EQ(api.Get(refused).status, 200);
}

TEST(FullDisk, FailsWritesWithAReasonServesReadsAndDeletesAndHealsWhenSpaceReturns) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount a small tmpfs";
  const pid_t child = fork();
  if (child == 0) {
    FillTheDisk();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace leat::apiserver
