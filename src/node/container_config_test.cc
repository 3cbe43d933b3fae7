#include "node/container_config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "json/yaml.h"
#include "node/testing/no_objects.h"
#include "node/volumes.h"

namespace leat::node {
namespace {

json::Value Yaml(std::string_view text) { return json::ParseYaml(text)->front(); }

class ContainerConfigTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(io::MakeDirs(volume_)); }
  void TearDown() override { EXPECT_TRUE(ReleaseVolumes("u", dirs_)); }

  // Of a pod with the volume "v" of this kind, its only container given as YAML.
  Result<ContainerConfig> Make(const std::string& kind, const std::string& container) {
    pod_ = Yaml("{metadata: {uid: u, name: p, namespace: d}, spec: {volumes: [{name: v, " + kind +
                ": {}}], containers: [" + container + "]}}");
    const VolumePaths volumes = {{"v", volume_}};
    return MakeContainerConfig({.pod = pod_,
                                .container = pod_["spec"]["containers"][0],
                                .attempt = 0,
                                .image = {.entrypoint = {"/bin/true"}},
                                .volumes = volumes},
                               dirs_, no_objects_);
  }
  Result<ContainerConfig> MakeWithSubPath(const std::string& sub_path) {
    return Make("emptyDir",
                "{name: c, volumeMounts: [{name: v, mountPath: /v, subPath: " + sub_path + "}]}");
  }

  Result<ContainerConfig> MakeWithSubPathExpr(const std::string& pattern) {
    return Make("emptyDir",
                "{name: c, env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, "
                "{name: WHERE, value: logs}, {name: EMPTY}, {name: ROOT, value: /etc}, {name: UP, "
                "value: ../..}], volumeMounts: [{name: v, mountPath: /v, subPathExpr: " +
                    pattern + "}]}");
  }

  io::TempDir dir_;
  NoObjects no_objects_;
  const PodDirs dirs_{dir_.path(), dir_.path() + "/run"};
  const std::string volume_ = dirs_.Volume("u", "v");
  json::Value pod_;
};

TEST_F(ContainerConfigTest, ASubPathIsNotFollowedThroughALinkThatAContainerPlanted) {
  const std::string outside = dir_.path() + "/outside";
  ASSERT_TRUE(io::MakeDirs(outside));
  ASSERT_EQ(symlink(outside.c_str(), (volume_ + "/link").c_str()), 0);
  for (const char* sub_path : {"link", "link/new", "link/new/er"}) {
    const auto made = MakeWithSubPath(sub_path);
    ASSERT_FALSE(made) << sub_path;
    EXPECT_EQ(made.error().code, Code::kForbidden) << made.error().message;
  }
  EXPECT_TRUE(io::ListDir(outside)->empty());
  EXPECT_FALSE(MakeWithSubPath("../outside"));
}

TEST_F(ContainerConfigTest, ASubPathStaysWhatItWasWhenItsNameIsMadeALink) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(chmod(volume_.c_str(), 0777), 0);
  for (int start = 0; start < 2; ++start) {  // as with a restart
    const auto made = MakeWithSubPath("a/b");
    ASSERT_TRUE(made) << made.error().message;
    const std::string bound = made->mounts.front().host_path;
    ASSERT_TRUE(io::WriteFile(volume_ + "/a/b/file", "mine"));
    ASSERT_TRUE(io::Rename(volume_ + "/a", volume_ + "/a.moved"));
    ASSERT_EQ(symlink("/etc", (volume_ + "/a").c_str()), 0);
    EXPECT_EQ(*io::ReadFile(bound + "/file"), "mine");
    EXPECT_FALSE(io::Exists(bound + "/passwd"));
    struct stat at {};
    ASSERT_EQ(stat(bound.c_str(), &at), 0);
    EXPECT_EQ(at.st_mode & 0777, 0777u);  // so that any user can write there, as in the volume
    ASSERT_TRUE(io::Remove(volume_ + "/a"));
    ASSERT_TRUE(io::Rename(volume_ + "/a.moved", volume_ + "/a"));
  }
  ASSERT_TRUE(ReleaseVolumes("u", dirs_));
  EXPECT_EQ(io::ReadFile("/proc/self/mounts")->find(dir_.path()), std::string::npos);
}

TEST_F(ContainerConfigTest, ASubPathCanBeAFile) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(io::WriteFile(volume_ + "/file", "text"));
  const auto made = MakeWithSubPath("file");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*io::ReadFile(made->mounts.front().host_path), "text");
}

TEST_F(ContainerConfigTest, ASubPathExprTakesTheContainersVariables) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto made = MakeWithSubPathExpr("$(POD)/$(WHERE)/$$(POD)");
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE(io::WriteFile(volume_ + "/p/logs/$(POD)/file", "mine"));
  EXPECT_EQ(*io::ReadFile(made->mounts.front().host_path + "/file"), "mine");
}

TEST_F(ContainerConfigTest, ASubPathExprThatCannotBeIsRefusedInTheKubeletsWords) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"$(POD)/$(NOBODY)/$(EMPTY)/$(NOBODY)", "missing value for EMPTY, NOBODY"},
      {"$(ROOT)", "error SubPath `/etc` must not be an absolute path"},
      {"a/$(UP)", "unable to provision SubPath `a/../..`: must not contain '..'"}};
  for (const auto& [pattern, text] : kWrong) {
    const auto made = MakeWithSubPathExpr(pattern);
    ASSERT_FALSE(made) << pattern;
    EXPECT_EQ(made.error().message, text);
  }
  const std::string outside = dir_.path() + "/outside";
  ASSERT_TRUE(io::MakeDirs(outside));
  ASSERT_EQ(symlink(outside.c_str(), (volume_ + "/logs").c_str()), 0);
  const auto made = MakeWithSubPathExpr("$(WHERE)/new");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kForbidden) << made.error().message;
  EXPECT_TRUE(io::ListDir(outside)->empty());
}

TEST(ExpandVariables, LeavesWhatItDoesNotKnow) {
  const std::vector<std::pair<std::string, std::string>> env = {{"A", "1"}, {"B", "$(A)"}};
  EXPECT_EQ(ExpandVariables("$(A) $(B) $$(A) $(C) $ $(A", env), "1 $(A) $(A) $(C) $ $(A");
  EXPECT_EQ(ExpandVariables("$(C$(A))", env), "$(C$(A))");
}

TEST_F(ContainerConfigTest, VolumesWhoseFilesWeKeepAreReadOnly) {
  for (const char* kind : {"secret", "configMap", "downwardAPI", "projected", "emptyDir"}) {
    const auto made = Make(kind, "{name: c, volumeMounts: [{name: v, mountPath: /v}]}");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->mounts.front().read_only, std::string(kind) != "emptyDir") << kind;
  }
}

TEST_F(ContainerConfigTest, NetRawIsOnlyForThePrivileged) {
  const char kAdding[] =
      "{name: c, securityContext: {privileged: %, capabilities: {add: [NET_RAW]}}}";
  for (const bool privileged : {false, true}) {
    std::string container = kAdding;
    container.replace(container.find('%'), 1, privileged ? "true" : "false");
    const auto made = Make("emptyDir", container);
    EXPECT_EQ(bool(made), privileged);
    EXPECT_EQ(!made && made.error().message.find("NET_RAW") != std::string::npos, !privileged);
  }
}

}  // namespace
}  // namespace leat::node
