// Patterns with `+` and `#`, as MQTT has them: a tree with a node a level. Knows levels and members; must not
// know queues, or who owns a member.
#pragma once

#include <string>

#include "hash.h"
#include "members.h"
#include "table.h"

namespace wasmpoll {

// True if the pattern matches the topic.
bool Matches(std::string_view pattern, std::string_view topic);

class Patterns {
 public:
  struct Node : Group {
    Node() : Group(true) {}

    Node* next = nullptr;
    uint64_t hash = 0;
    Node* parent = nullptr;
    // The levels `+` and `#` below this one. All others are in the table.
    Node* plus = nullptr;
    Node* rest = nullptr;
    size_t children = 0;
    std::string level;
  };

  // How far the members that a topic matches were looked at: what is being done on each level from the
  // first on, and the last member's number. Nodes are not in it, so they may come and go.
  struct Cursor {
    std::vector<uint8_t> stages;
    uint64_t after = 0;
  };

  explicit Patterns(const HashKey& key) : key_(key) {}
  ~Patterns() { Clear(); }
  Patterns(const Patterns&) = delete;
  Patterns& operator=(const Patterns&) = delete;

  Node* Find(std::string_view pattern);
  Node* Add(std::string_view pattern);
  // Removes a node that nobody needs any more, and those above it.
  void Prune(Node* node);
  void Clear();

  void Begin(Cursor* cursor) const;
  // Goes on from the cursor: `#` before `+` before the level itself, on each level. True at the end.
  bool Collect(std::string_view topic, int seat, Cursor* cursor, Recipients* recipients);

 private:
  struct Place {
    Node* node;
    // Where the rest of the topic starts; behind its end if there is none.
    size_t at;
  };

  Node* Child(const Node* node, std::string_view level);
  uint64_t HashOf(const Node* parent, std::string_view level) const;
  void Restore(std::string_view topic, Cursor* cursor);
  bool Down(std::string_view topic, bool plus, Cursor* cursor);

  const HashKey key_;
  Node root_;
  Table<Node> table_;
  // The nodes of a cursor, during one call.
  std::vector<Place> places_;
};

}  // namespace wasmpoll
