// SPDX-License-Identifier: Apache-2.0
//
// What the channels of the EC unit and the slots say to each other.
package ecunit_pkg;
  import casemate_pkg::*;

  typedef struct packed {
    logic [15:0] slot;       // its public half is shown two cycles later
    logic [15:0] key_slot;   // the slot that it decides on
    logic        busy;       // it does: no change to that slot begins
    logic        fetch;      // a word of that slot's material, two cycles later
    logic [2:0]  word;
    logic        count;      // a signature: held until it is counted
    logic [31:0] used;       // the new count
  } ec_ask_t;
  typedef struct packed {
    slot_meta_t  meta;
    logic [31:0] used;
    logic [63:0] material;
    logic        counted;
  } ec_answer_t;
endpackage
