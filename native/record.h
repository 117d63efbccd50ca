// The numbers of host/shared/records.ts, and a record as it is read from a log. Knows where things lie; must
// not know what becomes of them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "message.h"

namespace wasmpoll {

constexpr int kRecord = 10;
constexpr int kRecordOp = 0;
constexpr int kRecordHandle = 1;
constexpr int kRecordTag = 2;
constexpr int kRecordFlags = 3;
constexpr int kRecordFirst = 4;
constexpr int kRecordSecond = 5;
constexpr int kRecordTtl = 6;
constexpr int kRecordSeat = 7;
constexpr int kRecordValue = 8;

constexpr int kOpJoin = 1;
constexpr int kOpLeave = 2;
constexpr int kOpPublish = 3;
constexpr int kOpGet = 4;
constexpr int kOpPut = 5;
constexpr int kOpDelete = 6;
constexpr int kOpAdd = 7;
constexpr int kOpDirect = 8;
constexpr int kOpGap = 9;

constexpr int kFlagPattern = 1;
constexpr int kFlagQuiet = 2;
constexpr int kFlagShared = 4;
constexpr int kFlagRetain = 1;
constexpr int kFlagOthers = 2;
constexpr int kFlagInbound = 4;
constexpr int kFlagExpected = 1;

constexpr int kBlockKind = 0;
constexpr int kBlockCount = 1;
constexpr int kBlockPosition = 2;
constexpr int kBlockInside = 3;
constexpr int kBlockFlags = 4;
constexpr int kBlockTopic = 5;
constexpr int kBlockData = 6;
constexpr int kBlockEntries = 8;
constexpr int kEntry = 5;
constexpr int kEntryHandle = 0;
constexpr int kEntryTag = 1;
constexpr int kEntryStatus = 2;
constexpr int kEntryOffset = 3;
constexpr int kEntryLength = 4;
constexpr int kEntries = 256;
constexpr int kBlock = kBlockEntries + kEntries * kEntry;

constexpr int kBlockMessage = 1;
constexpr int kBlockMissed = 2;
constexpr int kBlockReplies = 3;
constexpr int kBlockRecords = 4;

constexpr int kCommittedOwn = 1;
constexpr int kCommittedRefused = 2;

constexpr int kDeliveredRetained = 1;
constexpr int kDeliveredDirect = 2;

constexpr int kCountTopics = 0;
constexpr int kCountMembers = 1;
constexpr int kCountRetained = 2;
constexpr int kCountGroupBytes = 3;
constexpr int kCountKeys = 4;
constexpr int kCountStoreBytes = 5;
constexpr int kCountQueueBytes = 6;
constexpr int kCountPending = 7;
constexpr int kCountPublished = 8;
constexpr int kCountDelivered = 9;
constexpr int kCountMissed = 10;
constexpr int kCountLeftOut = 11;
constexpr int kCountPoisoned = 12;
constexpr int kCounts = 13;

constexpr int kChargeTopic = 256;
constexpr int kChargeLevel = 128;
constexpr int kChargeMember = 128;
constexpr int kChargeRetained = 256;
constexpr int kChargeKey = 128;
constexpr int kChargeEntry = 64;
constexpr int kReplyAlways = 40;
constexpr int kTakeSteps = 1024;

// Those of assembly/abi.ts that shared state answers with.
constexpr int kStatusOk = 0;
constexpr int kStatusLimit = -3;
constexpr int kStatusAbsent = -5;
constexpr int kStatusConflict = -6;
constexpr int kStatusUnavailable = -7;

// Seats are few and numbered from 0; this bounds the table of them.
constexpr int kSeats = 4096;

struct Record {
  int32_t op;
  int32_t handle;
  int32_t tag;
  int32_t flags;
  uint32_t ttl;
  int32_t seat;
  // Eight bytes of version, or of an f64.
  uint64_t value;
  // They lie in the log.
  std::string_view first;
  std::string_view second;
  // The words and bytes together, with what fills them up.
  std::string_view whole;
  // The first and second bytes as a message, for those that become one.
  Ref<Message> message;

  bool IsMessage() const { return op == kOpPublish || op == kOpDirect; }
  bool IsStore() const { return op >= kOpGet && op <= kOpAdd; }
  bool Is(int flag) const { return (flags & flag) != 0; }
  // JOIN and LEAVE: what is joined, and the name by which it is shared; empty if it is not.
  std::string_view joined() const { return first.substr(share().empty() ? 0 : share().size() + 1); }
  std::string_view share() const {
    return Is(kFlagShared) ? first.substr(0, first.find('/')) : std::string_view();
  }
};

// Reads the record at `at` of a log, which starts at a multiple of 8; each word once, since the log may lie
// in shared memory. False if it leaves `length` or is none.
bool ReadRecord(const uint8_t* log, size_t length, size_t at, Record* record);

// All records in [0, length) of a log. The offset of the first bad one, or −1.
int64_t ReadRecords(const uint8_t* log, size_t length, std::vector<Record>* records);

// The bytes of a record that goes to another seat, which learns who has asked.
Ref<Message> CopyRecord(const Record& record, int seat);

}  // namespace wasmpoll
