// SPDX-License-Identifier: Apache-2.0
//
// Types between the ring front end and the data channels.
/* verilator lint_off UNUSEDPARAM */  // not every user needs every constant
package casemate_pkg;
  import casemate_abi_pkg::*;
  import gcm_pkg::*;

  localparam int unsigned QUEUE_IDX_W = 6;      // queue index on interfaces (up to 64 queues)
  localparam int unsigned BURST_BYTES = 256;    // no burst crosses a 256-byte boundary, hence none a 4 KiB one

  // A request the guard has let through, to one channel.
  typedef struct packed {
    logic [QUEUE_IDX_W-1:0] queue_idx;
    key_size_e              key_size;  // of the slot
    submission_t            sub;       // the descriptor: its static checks have passed
  } chan_req_t;

  // A channel's answer, posted after the write responses of all of the request's data.
  // Channels answer in the order of their requests.
  typedef struct packed {
    logic [QUEUE_IDX_W-1:0] queue_idx;
    logic [31:0]            cookie;
    status_e                status;
    logic [31:0]            bytes;     // payload bytes written; 0 unless OK
    logic [127:0]           result;    // tag (tag_mode COMPLETION), or page IOVA of a DMA error, or 0
  } cpl_t;

endpackage
/* verilator lint_on UNUSEDPARAM */
