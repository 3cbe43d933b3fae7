#include "api/meta.h"

#include <gtest/gtest.h>

#include "api/testing/objects.h"

namespace leat::api {
namespace {

TEST(Meta, FinalizersAreAddedOnceAndLeaveNoEmptyList) {
  json::Value object = Y("{metadata: {name: a}}");
  EXPECT_TRUE(AddFinalizer(object, "example.com/f"));
  EXPECT_FALSE(AddFinalizer(object, "example.com/f"));
  EXPECT_TRUE(HasFinalizer(object, "example.com/f"));
  EXPECT_FALSE(RemoveFinalizer(object, "other"));
  EXPECT_TRUE(RemoveFinalizer(object, "example.com/f"));
  EXPECT_EQ(object, Y("{metadata: {name: a}}"));
}

TEST(Meta, AnObjectWithADeletionTimestampIsBeingDeleted) {
  EXPECT_FALSE(IsBeingDeleted(Y("{metadata: {}}")));
  EXPECT_TRUE(IsBeingDeleted(Y("{metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}}")));
}

TEST(Meta, RefersToOwnersAndObjects) {
  const json::Value owner =
      Y("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns, uid: u, resourceVersion: "
        "'7'}}");
  EXPECT_EQ(ControllerReference(owner), Y("{apiVersion: v1, kind: Pod, name: p, uid: u, "
                                          "controller: true, blockOwnerDeletion: true}"));
  EXPECT_EQ(ObjectReference(owner),
            Y("{apiVersion: v1, kind: Pod, name: p, namespace: ns, uid: u, resourceVersion: '7'}"));
  EXPECT_EQ(ControllerUid(Y("{metadata: {ownerReferences: [{uid: a}, {uid: b, controller: "
                            "true}]}}")),
            "b");
  EXPECT_EQ(ControllerUid(Y("{metadata: {ownerReferences: [{uid: a}]}}")), "");
}

TEST(Meta, AConditionsTransitionTimeMovesOnlyWithItsStatus) {
  json::Value conditions;
  EXPECT_TRUE(SetCondition(conditions, "Ready", "False", "Starting", "", "t1"));
  EXPECT_FALSE(SetCondition(conditions, "Ready", "False", "Starting", "", "t2"));
  EXPECT_TRUE(SetCondition(conditions, "Ready", "False", "Waiting", "for data", "t3"));
  EXPECT_EQ(FindCondition(conditions, "Ready")["lastTransitionTime"].AsString(), "t1");
  EXPECT_TRUE(SetCondition(conditions, "Ready", "True", "Up", "", "t4"));
  EXPECT_EQ(FindCondition(conditions, "Ready")["lastTransitionTime"].AsString(), "t4");
  EXPECT_EQ(conditions.size(), 1u);
  EXPECT_TRUE(FindCondition(conditions, "Other").IsNull());
}

}  // namespace
}  // namespace leat::api
