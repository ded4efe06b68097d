// SPDX-License-Identifier: Apache-2.0
//
// Types between the parts of the device.
/* verilator lint_off UNUSEDPARAM */  // not every user needs every constant
package casemate_pkg;
  import casemate_abi_pkg::*;
  import gcm_pkg::*;

  localparam int unsigned QUEUE_IDX_W = 6;      // queue index on interfaces (up to 64 queues)
  localparam int unsigned BURST_BYTES = 256;    // no burst crosses a 256-byte boundary, hence none a 4 KiB one
  localparam int unsigned HOLD_BYTES  = 16384;  // longest opened payload that is held until its tag is checked
  localparam int unsigned AXI_TAG_W   = 8;      // AXI id within a port of the arbiters
  localparam int unsigned AXI_ID_W    = 12;     // {port, tag}

  // A request the guard has let through, to one channel.
  typedef struct packed {
    logic [QUEUE_IDX_W-1:0] queue_idx;
    key_size_e              key_size;  // of the slot
    logic                   counter;   // the IV is the device's own: the completion returns it
    submission_t            sub;       // the descriptor: its static checks have passed
  } chan_req_t;

  // An answer to a request, posted after the write responses of all of the request's data.
  typedef struct packed {
    logic [QUEUE_IDX_W-1:0] queue_idx;
    logic [31:0]            cookie;
    status_e                status;
    logic [31:0]            bytes;     // payload bytes written; 0 unless OK
    logic [127:0]           result;    // tag (tag_mode COMPLETION), or page IOVA of a DMA error, or 0
  } cpl_t;

  // Why a request's reads or writes stopped.
  typedef struct packed {
    status_e     status;
    logic [51:0] page;     // IOVA / 4096 of what failed
  } dma_err_t;

  // Bursts of full-width beats; addr is aligned to the beat.
  typedef struct packed {
    logic [63:0]          addr;
    logic [7:0]           len;   // beats - 1
    logic [AXI_TAG_W-1:0] tag;
  } axi_ar_t;
  typedef struct packed {
    logic [63:0] addr;
    logic [7:0]  len;            // beats - 1
  } axi_aw_t;

  // A piece of a buffer that one burst can carry.
  typedef enum logic [1:0] {
    WALK_OK  = 2'd0,
    WALK_BAD = 2'd1,   // list not aligned, or an element breaks the rules; addr is the element's
    WALK_BUS = 2'd2    // bus error reading the list; addr is the list's
  } walk_e;
  typedef struct packed {
    logic [63:0] addr;
    logic [8:0]  bytes;  // 1 to 256
    logic        last;
    walk_e       err;    // not OK: no piece, and the last word on this buffer
  } chunk_t;

  // One slot's public half. Rights can only shrink. The count of seals (used) is kept beside it.
  typedef struct packed {
    logic        valid;
    logic [7:0]  key_type;
    logic [7:0]  domain;
    logic [15:0] usage_bits;
    logic [15:0] generation;
    logic [1:0]  iv_policy;
    logic [2:0]  origin;
    logic [6:0]  key_len;     // bytes
    logic [31:0] limit;       // seals allowed
    logic [95:0] label;
  } slot_meta_t;

  // A key operation on its way to the key unit, its flags and lengths checked.
  typedef struct packed {
    logic [QUEUE_IDX_W-1:0] queue_idx;
    logic [7:0]             domain;    // the queue's: it changes only while nothing of the queue is in flight
    status_e                status;    // of those checks
    submission_t            sub;
  } key_req_t;
endpackage
/* verilator lint_on UNUSEDPARAM */
