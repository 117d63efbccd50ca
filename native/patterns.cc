// The tree of patterns, and the walk through it, which stops anywhere and goes on from there.
#include "patterns.h"

namespace wasmpoll {
namespace {

// What is being done at a node.
constexpr uint8_t kRest = 0;
constexpr uint8_t kOwn = 1;
constexpr uint8_t kPlus = 2;
constexpr uint8_t kDone = 4;

std::string_view LevelAt(std::string_view text, size_t at) {
  const size_t end = text.find('/', at);
  return text.substr(at, end == std::string_view::npos ? end : end - at);
}

// Levels of a text, from the first on; there is always one.
class Levels {
 public:
  explicit Levels(std::string_view text) : text_(text) {}
  bool Next(std::string_view* level) {
    if (at_ > text_.size()) return false;
    *level = LevelAt(text_, at_);
    at_ += level->size() + 1;
    return true;
  }

 private:
  const std::string_view text_;
  size_t at_ = 0;
};

bool IsSystem(std::string_view topic) { return !topic.empty() && topic.front() == '$'; }

}  // namespace

bool Matches(std::string_view pattern, std::string_view topic) {
  Levels wanted(pattern);
  Levels given(topic);
  std::string_view want;
  std::string_view level;
  for (bool first = true; wanted.Next(&want); first = false) {
    const bool wild = !(first && IsSystem(topic));
    if (want == "#") return wild;
    if (!given.Next(&level)) return false;
    if (want == "+" ? !wild : want != level) return false;
  }
  return !given.Next(&level);
}

// The hash of a level is secret, so what is mixed into it needs no secret of its own.
uint64_t Patterns::HashOf(const Node* parent, std::string_view level) const {
  return Hash(key_, level) ^ Mix(reinterpret_cast<uintptr_t>(parent));
}

Patterns::Node* Patterns::Child(const Node* node, std::string_view level) {
  if (node->children == 0) return nullptr;
  return table_.Find(HashOf(node, level), [&](const Node& child) {
    return child.parent == node && child.level == level;
  });
}

Patterns::Node* Patterns::Find(std::string_view pattern) {
  Levels levels(pattern);
  std::string_view level;
  Node* node = &root_;
  while (node != nullptr && levels.Next(&level)) {
    node = level == "+" ? node->plus : level == "#" ? node->rest : Child(node, level);
  }
  return node;
}

Patterns::Node* Patterns::Add(std::string_view pattern) {
  Levels levels(pattern);
  std::string_view level;
  Node* node = &root_;
  while (levels.Next(&level)) {
    Node** const wild = level == "+" ? &node->plus : level == "#" ? &node->rest : nullptr;
    Node* child = wild != nullptr ? *wild : Child(node, level);
    if (child == nullptr) {
      child = new Node;
      child->parent = node;
      child->level = level;
      if (wild != nullptr) {
        *wild = child;
      } else {
        child->hash = HashOf(node, level);
        table_.Insert(child);
        ++node->children;
      }
    }
    node = child;
  }
  return node;
}

void Patterns::Prune(Node* node) {
  while (node != &root_ && node->empty() && node->children == 0 && node->plus == nullptr &&
         node->rest == nullptr) {
    Node* const parent = node->parent;
    if (parent->plus == node) {
      parent->plus = nullptr;
    } else if (parent->rest == node) {
      parent->rest = nullptr;
    } else {
      table_.Remove(node);
      --parent->children;
    }
    delete node;
    node = parent;
  }
}

void Patterns::Clear() {
  // Nodes in the table may hang below others, and wild ones below those: first all links, then all nodes.
  std::vector<Node*> all;
  const auto wild = [&all](const Node& node) {
    if (node.plus != nullptr) all.push_back(node.plus);
    if (node.rest != nullptr) all.push_back(node.rest);
  };
  table_.Clear([&all](Node* node) { all.push_back(node); });
  wild(root_);
  for (size_t index = 0; index < all.size(); ++index) wild(*all[index]);
  for (Node* const node : all) delete node;
  root_.plus = root_.rest = nullptr;
  root_.children = 0;
}

void Patterns::Begin(Cursor* cursor) const {
  cursor->stages.assign(1, kRest);
  cursor->after = 0;
}

// Finds the nodes of a cursor again. Where one is gone, the walk goes on behind it.
void Patterns::Restore(std::string_view topic, Cursor* cursor) {
  places_.assign(1, {&root_, 0});
  for (size_t depth = 0; depth + 1 < cursor->stages.size(); ++depth) {
    const Place here = places_[depth];
    const std::string_view level = LevelAt(topic, here.at);
    const uint8_t stage = cursor->stages[depth];
    Node* const child = stage == kPlus ? here.node->plus : Child(here.node, level);
    if (child == nullptr) {
      cursor->stages.resize(depth + 1);
      cursor->stages[depth] = stage + 1;
      cursor->after = 0;
      return;
    }
    places_.push_back({child, here.at + level.size() + 1});
  }
}

// One level down, or on to the next stage if nothing is there.
bool Patterns::Down(std::string_view topic, bool plus, Cursor* cursor) {
  const Place here = places_.back();
  if (here.at > topic.size()) return false;
  if (plus && here.node->plus == nullptr) return false;
  const std::string_view level = LevelAt(topic, here.at);
  Node* const child = plus ? here.node->plus : Child(here.node, level);
  if (child == nullptr) return false;
  places_.push_back({child, here.at + level.size() + 1});
  cursor->stages.push_back(kRest);
  return true;
}

bool Patterns::Collect(std::string_view topic, int seat, Cursor* cursor, Recipients* recipients) {
  Restore(topic, cursor);
  const bool system = IsSystem(topic);
  while (!cursor->stages.empty()) {
    if (recipients->budget <= 0) return false;
    const Place here = places_.back();
    const bool wild = !system || places_.size() > 1;
    const uint8_t stage = cursor->stages.back();
    if (stage == kRest || stage == kOwn) {
      const bool meant = stage == kRest ? wild && here.node->rest != nullptr : here.at > topic.size();
      if (meant) {
        --recipients->budget;
        Node* const node = stage == kRest ? here.node->rest : here.node;
        MemberList* const list = node->At(seat);
        if (list != nullptr && !list->Collect(seat, &cursor->after, recipients)) return false;
      }
      cursor->after = 0;
      ++cursor->stages.back();
    } else if (stage == kDone) {
      --recipients->budget;
      cursor->stages.pop_back();
      places_.pop_back();
      if (!cursor->stages.empty()) ++cursor->stages.back();
    } else if (stage == kPlus ? !wild || !Down(topic, true, cursor) : !Down(topic, false, cursor)) {
      ++cursor->stages.back();
    }
  }
  return true;
}

}  // namespace wasmpoll
