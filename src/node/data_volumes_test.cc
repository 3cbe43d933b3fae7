#include "node/data_volumes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/strings.h"
#include "io/file.h"
#include "json/yaml.h"

namespace leat::node {
namespace {

// Mounts by a script in the place of `leat`, which writes down how it was called.
class DataMounterTest : public testing::Test {
 protected:
  Status Mount(const std::string& csi, const std::map<std::string, std::string>& secret = {}) {
    return mounter_.Mount(path_, json::ParseYaml(csi)->front(), secret, {});
  }
  void Script(const std::string& body) {
    ASSERT_TRUE(io::WriteFile(leat_, "#!/bin/sh\n" + body + "\n"));
    ASSERT_EQ(chmod(leat_.c_str(), 0700), 0);
  }
  void SetUp() override { Script("echo \"$@\" >" + Said("args") + "; env >" + Said("env")); }
  std::string Said(const std::string& name) { return dir_.path() + "/" + name; }
  std::string Read(const std::string& name) { return io::ReadFile(Said(name)).value_or("absent"); }
  bool Has(const std::string& variable) {
    return ("\n" + Read("env")).find("\n" + variable + "\n") != std::string::npos;
  }

  io::TempDir dir_;
  const std::string leat_ = dir_.path() + "/leat";
  const std::string path_ = dir_.path() + "/volumes/v";
  DataMounter mounter_{leat_, {"/cache,size=1G", "/more"}};
};

TEST_F(DataMounterTest, ReadsWithThePodsKeyAndNothingOfOurs) {
  setenv("AWS_PROFILE", "ours", 1);
  const Status mounted = Mount(
      "{volumeAttributes: {source: 's3://b/p/', endpoint: 'http://e', region: r, ca: PEM}}",
      {{"accessKeyId", "A"}, {"secretAccessKey", "S"}, {"sessionToken", "T"}, {"policy", "x"}});
  unsetenv("AWS_PROFILE");
  ASSERT_TRUE(mounted) << mounted.error().message;
  EXPECT_EQ(Read("args"), "mount s3://b/p/ " + path_ +
                              " --retry-for 600s --cache-dir /cache,size=1G --cache-dir /more"
                              " --endpoint http://e\n");
  for (const char* variable :
       {"AWS_ACCESS_KEY_ID=A", "AWS_SECRET_ACCESS_KEY=S", "AWS_SESSION_TOKEN=T", "AWS_REGION=r"})
    EXPECT_TRUE(Has(variable)) << variable;
  EXPECT_FALSE(Has("AWS_PROFILE=ours"));
  EXPECT_TRUE(Has("AWS_CA_BUNDLE=" + path_ + ".ca.crt"));
  EXPECT_EQ(Read("volumes/v.ca.crt"), "PEM");
  EXPECT_TRUE(io::Exists(path_));
}

TEST_F(DataMounterTest, APodWithoutAKeyReadsUnsigned) {
  ASSERT_TRUE(Mount("{volumeAttributes: {source: 's3://b/p/'}}"));
  EXPECT_NE(Read("args").find(" --anonymous\n"), std::string::npos);
}

TEST_F(DataMounterTest, FailsInTheWordsOfLeatMount) {
  Script("echo listing >&2; echo 'leat: there is no bucket b' >&2; exit 1");
  const Status mounted = Mount("{volumeAttributes: {source: 's3://b/p/'}}");
  ASSERT_FALSE(mounted);
  EXPECT_EQ(mounted.error().message, "there is no bucket b");
}

TEST_F(DataMounterTest, GivingUpEndsAnAttemptThatGoesOn) {
  Script("echo $$ >" + Said("pid") + "; echo 'the store is away' >&2; exec sleep 100");
  const Status mounted = Mount("{volumeAttributes: {source: 's3://b/p/'}}");
  ASSERT_FALSE(mounted);
  EXPECT_EQ(mounted.error().code, Code::kTimeout);
  EXPECT_EQ(mounted.error().message, "s3://b/p/ is still being listed: the store is away");
  mounter_.GiveUp(dir_.path() + "/volumes");
  EXPECT_FALSE(io::Exists("/proc/" + std::string(Trim(Read("pid")))));
}

TEST_F(DataMounterTest, FilesOfTheNodeAreNoSource) {
  for (const char* source : {"{source: 'file:///etc'}", "{}"}) {
    const Status mounted = Mount("{volumeAttributes: " + std::string(source) + "}");
    ASSERT_FALSE(mounted);
    EXPECT_EQ(mounted.error().code, Code::kInvalid);
  }
  EXPECT_EQ(Read("args"), "absent");
}

TEST(UnmountData, ADirectoryThatWasNeverMadeHasNoMounts) {
  EXPECT_TRUE(UnmountData("/nonexistent/pods/u"));
}

}  // namespace
}  // namespace leat::node
