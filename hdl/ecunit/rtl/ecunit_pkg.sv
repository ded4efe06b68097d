// SPDX-License-Identifier: Apache-2.0
//
// What the channels of the EC unit and the slots say to each other.
package ecunit_pkg;
  import casemate_pkg::*;

  typedef struct packed {
    logic        ask;        // for the reader's port, until it is no longer needed
    logic [15:0] slot;       // its public half is shown three cycles later
    logic        fetch;      // that slot's material: eight words, with the port
    logic        busy;       // it decides on key_slot: no change to that begins
    logic [15:0] key_slot;
    logic        count;      // a signature: held until it is counted
    logic [31:0] used;       // the new count
  } ec_ask_t;
  typedef struct packed {
    logic        grant;
    slot_meta_t  meta;
    logic [31:0] used;
    logic        valid;      // a word of material
    logic [63:0] word;
    logic        counted;
  } ec_answer_t;
endpackage
