// Peer tables: those of all servers, by number, and which descriptor counts in which row. Any thread may call
// these. Knows descriptors as numbers; must not know what they are.
#pragma once

#include <cstdint>

#include "peer_table.h"

namespace wasmpoll {

// Descriptors above this number count nowhere.
constexpr int kPeerDescriptors = 1 << 20;

// The number of a new table; see PeerTable.
int OpenPeers(uint32_t rows, uint32_t most, uint32_t perSecond);
void ClosePeers(int id);
// Rows in use; 0 for a table that is closed.
uint32_t KnownPeers(int id);

// Counts the descriptor in the row of the address until LeavePeers, if it is admitted. A table that is closed
// admits everybody.
Verdict EnterPeer(int id, int fd, const uint8_t* address, double now);

// To be called before a close: afterwards the number may be somebody else's.
void LeavePeers(int fd);

}  // namespace wasmpoll
