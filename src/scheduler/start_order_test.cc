#include "scheduler/start_order.h"

#include <gtest/gtest.h>

namespace leat::scheduler {
namespace {

constexpr char kEarly[] = "2026-01-01T00:00:00Z", kLate[] = "2026-01-01T00:00:01Z";

client::ObjectPtr Pod(const std::string& name, const char* created, const std::string& revision,
                      int64_t priority = 0) {
  return std::make_shared<const json::Value>(
      json::Object({{"metadata", json::Object({{"name", name},
                                               {"uid", "uid-" + name},
                                               {"creationTimestamp", created},
                                               {"resourceVersion", revision}})},
                    {"spec", json::Object({{"priority", priority}})}}));
}

std::string Names(const std::vector<client::ObjectPtr>& pods) {
  std::string names;
  for (const client::ObjectPtr& pod : pods) names += (*pod)["metadata"]["name"].Str() + " ";
  return names;
}

TEST(StartOrder, IsThatOfComingWhateverTheNames) {
  StartOrder order;
  EXPECT_EQ(
      Names(order.Sort({Pod("a", kLate, "7"), Pod("m", kEarly, "11"), Pod("z", kEarly, "9")})),
      "z m a ");
}

TEST(StartOrder, OfOneSecondIsThatInWhichPodsWereSeen) {
  StartOrder order;
  order.Sort({Pod("z", kEarly, "5")});
  order.Sort({Pod("z", kEarly, "5"), Pod("m", kEarly, "6")});
  // Since then z was told why it waits, and has the newest revision of all.
  EXPECT_EQ(
      Names(order.Sort({Pod("a", kEarly, "7"), Pod("m", kEarly, "6"), Pod("z", kEarly, "8")})),
      "z m a ");
}

TEST(StartOrder, PutsTheHigherPriorityFirst) {
  StartOrder order;
  EXPECT_EQ(Names(order.Sort({Pod("low", kEarly, "1", -5), Pod("none", kEarly, "2"),
                              Pod("high", kLate, "3", 10), Pod("also", kEarly, "4", 10)})),
            "also high none low ");
}

TEST(StartOrder, ForgetsAPodThatWaitsNoMore) {
  StartOrder order;
  order.Sort({Pod("a", kEarly, "1")});
  order.Sort({});
  order.Sort({Pod("b", kEarly, "2")});
  EXPECT_EQ(Names(order.Sort({Pod("a", kEarly, "3"), Pod("b", kEarly, "2")})), "b a ");
}

TEST(Priority, IsThatOfTheSpecOrOfASystemClass) {
  EXPECT_EQ(PriorityOf(*Pod("a", kEarly, "1", 7)), 7);
  json::Value pod = *Pod("a", kEarly, "1");
  pod.Mut("spec").Set("priorityClassName", "system-node-critical");
  EXPECT_EQ(PriorityOf(pod), 2'000'001'000);
  pod.Mut("spec").Set("priorityClassName", "mine");
  EXPECT_EQ(PriorityOf(pod), 0);
  EXPECT_EQ(PriorityOf(json::Object()), 0);
}

}  // namespace
}  // namespace leat::scheduler
