// SPDX-License-Identifier: Apache-2.0
//
// What the key unit can do to a slot.
package slots_pkg;
  typedef enum logic [1:0] {
    SLOT_FILL   = 2'd0,
    SLOT_EMPTY  = 2'd1,
    SLOT_RIGHTS = 2'd2,
    SLOT_COUNT  = 2'd3   // used once more: not of a key that seals, whose count is the guard's
  } slot_op_e;
endpackage
