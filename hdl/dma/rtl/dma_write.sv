// SPDX-License-Identifier: Apache-2.0
//
// Write half of a channel: takes an engine's payload and results, scatters them to memory at any alignment, and answers each
// request after the write responses of all of its data.
//
// Verify before release: an opened payload of up to HOLD_BYTES waits (gcm_channel's FIFO) for its request's result, and if the tag
// is wrong or the request failed it is thrown away, unwritten. A longer one is written as it comes, and then, if its request
// does not end well, what has been written of it is overwritten with zeros before the completion.
//
//   payload, tags -> ring of bytes -> beats of chunks (dma_walker) -> W FIFO, and an AW once its last beat is there
//   bursts and ends of requests, in order -> retire, with the write responses -> completions
//
// All writes of a channel have one AXI id, so their responses come in order.
//
// Wipe: from wipe_i on nothing but zeros is written: the burst at hand is closed, beats that wait become zeros. When all bursts are
// answered, every request owed an answer gets ZEROIZED; an open that writing had come to, once its destination is zeros.
module dma_write
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned DW       = 256,
  parameter  int unsigned REQUESTS = 64,       // between reading and writing
  localparam int unsigned BYTES    = DW / 8,
  localparam int unsigned LB       = $clog2(BYTES)
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             wipe_i,     // stays until reset
  // Requests, in the order of their results.
  input  logic             req_valid_i,
  output logic             req_ready_o,
  /* verilator lint_off UNUSEDSIGNAL */  // the read half's part of the descriptor
  input  chan_req_t        req_i,
  /* verilator lint_on UNUSEDSIGNAL */
  // From the engine.
  input  logic             out_valid_i,
  output logic             out_ready_o,
  input  gcm_out_t         out_i,
  input  logic             res_valid_i,
  output logic             res_ready_o,
  input  gcm_res_t         res_i,
  // Causes of aborted results, in order.
  input  logic             err_valid_i,
  input  dma_err_t         err_i,
  // List reads of the destination.
  output logic             ar_valid_o,
  input  logic             ar_ready_i,
  output axi_ar_t          ar_o,
  input  logic             r_valid_i,
  input  logic [AXI_TAG_W-1:0] r_tag_i,
  input  logic [DW-1:0]    r_data_i,
  input  logic             r_err_i,
  input  logic             r_last_i,
  // Writes: all beats of a burst are there when its address is.
  output logic             aw_valid_o,
  input  logic             aw_ready_i,
  output axi_aw_t          aw_o,
  output logic             w_valid_o,
  input  logic             w_ready_i,
  output logic [DW-1:0]    w_data_o,
  output logic [BYTES-1:0] w_strb_o,
  input  logic             b_valid_i,
  input  logic             b_err_i,
  output logic             cpl_valid_o,
  input  logic             cpl_ready_i,
  output cpl_t             cpl_o,
  output logic [LB:0]      bytes_o   // bytes sent to memory in this cycle
);
  localparam logic [AXI_TAG_W-1:0] LIST_TAG = 8'd129;
  localparam int unsigned BEATS = BURST_BYTES / BYTES;

  // -------------------------------------------------------------- requests
  typedef struct packed {
    logic        decrypt;
    logic        payload;     // there is some
    logic        hold;        // until the tag is checked
    logic        tag_out;     // the tag goes to memory
    logic        tag_report;  // the tag goes to the completion
    logic        iv_report;   // the device's own IV does: zeros, and these bytes
    logic [31:0] iv_end;
    logic [4:0]  tag_len;
  } make_t;
  // What it takes to answer a request, or to undo it.
  typedef struct packed {
    logic [QUEUE_IDX_W-1:0] queue_idx;
    logic [31:0]            cookie;
    logic                   opens;     // with payload
    logic [63:0]            dst;
    logic                   dst_sgl;
    logic [31:0]            pay_len;
  } owed_t;
  typedef struct packed {
    logic [63:0]            dst;
    logic                   dst_sgl;
    logic [31:0]            pay_len;
    logic                   hold;
    logic                   scrub;     // if it does not end well
    logic [4:0]             dst_tag;   // tag bytes after the payload
    logic                   tag_own;   // the tag goes to its own address
    logic [4:0]             tag_len;
    logic [63:0]            tag_addr;
  } put_t;
  make_t make_d, make;
  put_t  put_d, put;
  owed_t owed_d, owed;
  logic  make_room, put_room, make_valid, put_valid, make_pop, put_pop, owed_room, owed_valid, owed_pop;
  logic  seal, opens, short_pay;
  assign seal      = req_i.sub.opcode == OPCODE_GCM_SEAL;
  assign opens     = !seal && req_i.sub.pay_len != '0;
  assign short_pay = req_i.sub.pay_len <= 32'(HOLD_BYTES);
  assign make_d = '{
    decrypt: !seal, payload: req_i.sub.pay_len != '0, hold: opens && short_pay,
    tag_out: seal && req_i.sub.tag_mode != TAG_MODE_COMPLETION,
    tag_report: seal && req_i.sub.tag_mode == TAG_MODE_COMPLETION,
    iv_report: req_i.counter, iv_end: req_i.sub.iv2, tag_len: req_i.sub.tag_len
  };
  assign put_d = '{
    dst: {req_i.sub.dst_hi, req_i.sub.dst_lo}, dst_sgl: req_i.sub.dst_sgl, pay_len: req_i.sub.pay_len,
    hold: opens && short_pay, scrub: opens && !short_pay,
    dst_tag: seal && req_i.sub.tag_mode == TAG_MODE_APPENDED ? req_i.sub.tag_len : '0,
    tag_own: seal && req_i.sub.tag_mode == TAG_MODE_ADDRESS,
    tag_len: req_i.sub.tag_len, tag_addr: {req_i.sub.aad3, req_i.sub.aad2}
  };
  assign owed_d = '{
    queue_idx: req_i.queue_idx, cookie: req_i.sub.cookie, opens: opens,
    dst: put_d.dst, dst_sgl: put_d.dst_sgl, pay_len: put_d.pay_len
  };
  assign req_ready_o = make_room && put_room && owed_room;
  fifo #(.WIDTH($bits(make_t)), .DEPTH(REQUESTS)) u_make (
    .clk_i, .rst_ni,
    .in_valid_i(req_valid_i && req_ready_o), .in_ready_o(make_room), .in_i(make_d),
    .out_valid_o(make_valid), .out_ready_i(make_pop), .out_o(make)
  );
  fifo #(.WIDTH($bits(put_t)), .DEPTH(REQUESTS)) u_put (
    .clk_i, .rst_ni,
    .in_valid_i(req_valid_i && req_ready_o), .in_ready_o(put_room), .in_i(put_d),
    .out_valid_o(put_valid), .out_ready_i(put_pop), .out_o(put)
  );
  fifo #(.WIDTH($bits(owed_t)), .DEPTH(2 * REQUESTS)) u_owed (
    .clk_i, .rst_ni,
    .in_valid_i(req_valid_i && req_ready_o), .in_ready_o(owed_room), .in_i(owed_d),
    .out_valid_o(owed_valid), .out_ready_i(owed_pop), .out_o(owed)
  );

  // ------------------------------------------------- payload and tags to bytes
  localparam int unsigned RING = BYTES < 32 ? 64 : 2 * BYTES;
  localparam int unsigned RW   = $clog2(RING);
  logic [RING-1:0][7:0] ring_q;
  logic [RW:0]          fill_q, take_q, used;   // bytes put in, taken out
  assign used = fill_q - take_q;

  typedef struct packed {
    logic         cut;       // its payload is not all in the ring, and never will be
    dma_err_t     err;       // status OK or TAG_MISMATCH unless aborted
    logic [127:0] tag;
  } end_t;
  typedef enum logic [1:0] {PAYLOAD, DISCARD, RESULT, STOPPED} make_e;
  make_e        make_q;
  logic         room, want_payload, want_result, put_tag, end_push, end_room, end_valid, end_pop, restart;
  logic         fill;
  logic [4:0]   fill_bytes;
  logic [127:0] fill_data;
  end_t         end_d, ending;
  logic         good, bad;
  assign good         = res_valid_i && res_i.tag_ok && !res_i.aborted;
  assign bad          = res_valid_i && (!res_i.tag_ok || res_i.aborted);
  assign room         = used <= (RW + 1)'(RING - 16);
  // I6: nothing of a held payload passes here before its tag has been found right.
  assign want_payload = make_valid && make_q == PAYLOAD && make.payload && (!make.hold || good);
  assign want_result  = make_valid && (make_q == RESULT || (make_q == PAYLOAD && !make.payload));
  assign out_ready_o  = (want_payload && room) || make_q == DISCARD;
  assign put_tag      = make.tag_out && !res_i.aborted;
  assign res_ready_o  = want_result && (room || !make.tag_out) && end_room && (!res_i.aborted || err_valid_i);
  assign end_push     = res_ready_o && res_valid_i;
  assign make_pop     = end_push;
  assign fill         = (want_payload && room && out_valid_i) || (end_push && put_tag);
  assign fill_bytes   = want_payload ? out_i.bytes : make.tag_len;
  assign fill_data    = want_payload ? out_i.data : res_i.tag;
  always_comb begin
    end_d.cut        = res_i.aborted || (make.hold && !res_i.tag_ok);
    end_d.err        = err_i;
    end_d.tag        = make.tag_report ? res_i.tag : '0;
    if (make.iv_report) end_d.tag = {32'd0, make.iv_end, 64'd0};
    if (!res_i.aborted) begin
      end_d.err.page   = '0;
      end_d.err.status = make.decrypt && !res_i.tag_ok ? STATUS_TAG_MISMATCH : STATUS_OK;
    end
  end
  fifo #(.WIDTH($bits(end_t)), .DEPTH(16)) u_end (
    .clk_i, .rst_ni, .wipe_i,
    .in_valid_i(end_push), .in_ready_o(end_room), .in_i(end_d),
    .out_valid_o(end_valid), .out_ready_i(end_pop), .out_o(ending)
  );

  logic [15:0]       fill_ones;
  logic [2*RING-1:0] fill_spread;
  logic [RING-1:0]   fill_mask;
  logic [127:0]      fill_turned;
  assign fill_ones   = 16'((17'd1 << fill_bytes) - 17'd1);
  assign fill_spread = (2 * RING)'(fill_ones) << fill_q[RW-1:0];
  assign fill_mask   = fill_spread[RING-1:0] | fill_spread[2*RING-1:RING];
  always_comb begin
    fill_turned = fill_data;
    for (int l = 0; l < 4; l++) begin
      if (fill_q[l]) fill_turned = (fill_turned << (8 << l)) | (fill_turned >> (128 - (8 << l)));
    end
  end
  always_ff @(posedge clk_i) begin
    if (wipe_i) ring_q <= '0;
    else if (fill) begin
      for (int b = 0; b < int'(RING); b++) if (fill_mask[b]) ring_q[b] <= fill_turned[8*(b%16)+:8];
      fill_q <= fill_q + (RW + 1)'(fill_bytes);
    end
    unique case (make_q)
      PAYLOAD: begin
        if (out_ready_o && out_valid_i && out_i.last) make_q <= RESULT;
        if (make_valid && make.hold && bad) make_q <= DISCARD;
        if (end_push && end_d.cut) make_q <= STOPPED;
      end
      DISCARD: if (out_valid_i && out_i.last) make_q <= RESULT;
      RESULT: if (end_push) make_q <= end_d.cut ? STOPPED : PAYLOAD;
      STOPPED: if (restart) make_q <= PAYLOAD;  // what is left in the ring is thrown away
      default: ;
    endcase
    if (!rst_ni) begin
      fill_q <= '0;
      make_q <= PAYLOAD;
    end
  end

  // --------------------------------------------------------- bytes to bursts
  typedef enum logic [3:0] {IDLE, DST, TAG_START, TAG, DROP, CUT, LAST, SCRUB_START, SCRUB, WIPED} put_e;
  put_e        put_q;
  logic        wiped_q;             // been in WIPED
  logic [7:0]  touched_q;           // requests owed an answer that writing has come to: the oldest
  logic        scrubbed_q;
  logic [8:0]  pos_q;               // in the chunk
  logic [7:0]  beats_q;             // of the burst, so far
  logic [32:0] left_q;              // bytes of the request still to be taken
  logic [31:0] written_q;           // payload bytes of the last request begun that have been sent
  logic [63:0] burst_q;             // address of the burst's first beat

  logic        walk_valid, walk_ready, walk_idle, walk_kill, walk_tag, begins, unwritten, leaves;
  logic        chunk_valid, chunk_ready;
  chunk_t      chunk;
  logic [32:0] dst_bytes;
  logic [31:0] scrub_bytes;
  // Of the requests that a wipe undoes, only the last may have been written in part.
  assign scrub_bytes = !wiped_q || touched_q == 8'd1 ? written_q : owed.pay_len;
  assign dst_bytes  = 33'(put.pay_len) + 33'(put.dst_tag);
  assign walk_tag   = put_q == TAG_START;
  // A held payload's destination is not even looked at before there is something to write.
  assign begins     = put_valid && (!put.hold || (end_valid ? !ending.cut : used != '0 || (make.hold && want_payload)));
  assign unwritten  = put.hold && end_valid && ending.cut;  // and it stays so
  assign leaves     = put_q == IDLE && put_valid && !wipe_i && (dst_bytes == '0 || unwritten || (begins && walk_ready));
  assign walk_valid = (put_q == IDLE && begins && dst_bytes != '0) || walk_tag || put_q == SCRUB_START;
  assign walk_kill  = put_q == CUT || put_q == DROP;
  dma_walker #(.DW(DW)) u_walker (
    .clk_i, .rst_ni, .wipe_i,
    .start_valid_i(walk_valid), .start_ready_o(walk_ready),
    .start_addr_i(walk_tag ? put.tag_addr : wiped_q ? owed.dst : put.dst),
    .start_bytes_i(walk_tag ? 33'(put.tag_len) : put_q == SCRUB_START ? 33'(scrub_bytes) : dst_bytes),
    .start_sgl_i(!walk_tag && (wiped_q ? owed.dst_sgl : put.dst_sgl)),
    .chunk_valid_o(chunk_valid), .chunk_ready_i(chunk_ready), .chunk_o(chunk),
    .kill_i(walk_kill), .idle_o(walk_idle),
    .ar_valid_o(ar_valid_o), .ar_ready_i(ar_ready_i), .ar_addr_o(ar_o.addr), .ar_len_o(ar_o.len),
    .r_valid_i(r_valid_i && r_tag_i == LIST_TAG), .r_data_i, .r_err_i, .r_last_i
  );
  assign ar_o.tag = LIST_TAG;

  typedef enum logic [1:0] {BURST, FAULT, END} retire_e;
  typedef struct packed {
    retire_e                kind;
    dma_err_t               err;      // BURST: its page; FAULT: of the list; END: of the reads, or the tag
  } retire_t;
  retire_t retire_d, retire;
  logic    retire_push, retire_room, retire_valid, retire_pop;
  logic [6:0] retiring_q;            // pushed and not popped
  logic    w_room, w_push, aw_room, aw_push;
  axi_aw_t aw_d;

  /* verilator lint_off UNUSEDSIGNAL */
  logic [9:0]        at;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [LB:0]       to_beat, bytes;
  logic [8:0]        left;
  logic              moving, go, beat_now, ends_chunk, stop;
  assign stop       = wipe_i ? !wiped_q : end_valid && ending.cut && put_q != SCRUB;
  assign moving     = put_q == DST || put_q == TAG || put_q == SCRUB;
  assign at         = 10'(chunk.addr[LB-1:0]) + 10'(pos_q);
  assign to_beat    = (LB + 1)'(BYTES) - (LB + 1)'(at[LB-1:0]);
  assign left       = chunk.bytes - pos_q;
  assign bytes      = 9'(to_beat) < left ? to_beat : left[LB:0];
  assign ends_chunk = 9'(bytes) == left;
  assign go         = w_room && aw_room && retire_room && (put_q == SCRUB || used >= (RW + 1)'(bytes)) && chunk.err == WALK_OK;
  assign beat_now   = moving && chunk_valid && go && !stop;
  assign chunk_ready = moving && !stop && ((go && ends_chunk) || (chunk.err != WALK_OK && retire_room));
  assign w_push     = beat_now;
  assign bytes_o    = beat_now ? bytes : '0;

  // The beat: ring bytes from take_q on, at the lanes from `at` on.
  logic [2*RING*8-1:0] unrolled;
  logic [DW-1:0]       beat;
  logic [BYTES-1:0]    strb;
  logic [RW-1:0]       turn;
  assign turn = take_q[RW-1:0] - RW'(at[LB-1:0]);
  always_comb begin
    unrolled = {ring_q, ring_q};
    for (int l = int'(RW) - 1; l >= 0; l--) if (turn[l]) unrolled = unrolled >> (8 << l);
    beat = put_q == SCRUB ? '0 : unrolled[DW-1:0];
    strb = BYTES'(((2 * BYTES)'(1) << bytes) - (2 * BYTES)'(1)) << at[LB-1:0];
  end

  logic drop_done, scrub_due;
  assign scrub_due  = put.scrub && end_valid && ending.err.status != STATUS_OK && !scrubbed_q && written_q != '0;
  logic [RW:0] drop_bytes;
  assign drop_bytes = 33'(used) < left_q ? used : left_q[RW:0];
  assign drop_done  = left_q == '0;
  always_comb begin
    retire_d      = '0;
    retire_d.kind = BURST;
    retire_d.err  = '{status: STATUS_DMA_DST, page: chunk.addr[63:12]};
    retire_push   = beat_now && ends_chunk;
    aw_push       = beat_now && ends_chunk;
    aw_d.addr     = beats_q == '0 ? {chunk.addr[63:LB], LB'(0)} : burst_q;
    aw_d.len      = beats_q;
    if (chunk.err != WALK_OK) begin
      retire_d.kind       = FAULT;
      retire_d.err.status = chunk.err == WALK_BAD ? STATUS_BAD_SGL : STATUS_DMA_DST_SGL;
      retire_push         = chunk_valid && chunk_ready;
    end
    if (put_q == CUT) begin
      retire_d.kind = BURST;
      retire_d.err  = '{status: STATUS_DMA_DST, page: burst_q[63:12]};
      retire_push   = beats_q != '0 && aw_room && retire_room;
      aw_push       = retire_push;
      aw_d          = '{addr: burst_q, len: beats_q - 8'd1};
    end
    if (put_q == LAST) begin
      retire_d.kind      = END;
      retire_d.err       = ending.err;
      retire_push        = end_valid && retire_room && !scrub_due && !wipe_i;
    end
  end
  logic undo, undone;  // a wiped request has to be undone; can be answered
  assign undo    = put_q == WIPED && wiped_q && retiring_q == '0 && owed_valid && owed.opens && touched_q != '0 && !scrubbed_q
      && scrub_bytes != '0;
  assign undone  = put_q == WIPED && wiped_q && retiring_q == '0 && owed_valid && !undo && (!cpl_valid_o || cpl_ready_i);
  assign put_pop = put_q == LAST && retire_push;
  assign end_pop = put_pop;
  assign restart = put_pop && ending.cut;

  always_ff @(posedge clk_i) begin
    if (beat_now) begin
      if (put_q != SCRUB) begin
        take_q <= take_q + (RW + 1)'(bytes);
        left_q <= left_q - 33'(bytes);
      end
      if (put_q == DST) written_q <= written_q + 32'(bytes);
      pos_q   <= ends_chunk ? '0 : pos_q + 9'(bytes);
      beats_q <= ends_chunk ? '0 : beats_q + 8'd1;
      if (beats_q == '0) burst_q <= {chunk.addr[63:LB], LB'(0)};
    end
    unique case (put_q)
      IDLE: begin
        pos_q   <= '0;
        beats_q <= '0;
        left_q  <= dst_bytes + (put.tag_own ? 33'(put.tag_len) : 33'd0);
        scrubbed_q <= 1'b0;
        if (leaves) written_q <= '0;
        if (leaves) put_q <= dst_bytes != '0 && !unwritten ? DST : put.tag_own ? TAG_START : LAST;
      end
      TAG_START: begin
        if (stop) put_q <= CUT;
        else if (walk_ready) put_q <= TAG;
      end
      DST, TAG:
      if (stop) put_q <= CUT;
      else if (chunk_valid && chunk_ready) begin
        if (chunk.err != WALK_OK) put_q <= DROP;
        else if (chunk.last) put_q <= (put_q == DST && put.tag_own) ? TAG_START : LAST;
      end
      DROP: begin
        take_q <= take_q + drop_bytes;
        left_q <= left_q - 33'(drop_bytes);
        if ((drop_done || stop) && walk_idle) put_q <= LAST;
      end
      CUT: begin
        if (retire_push) beats_q <= '0;
        if ((beats_q == '0 || retire_push) && walk_idle) put_q <= LAST;
      end
      LAST:
      if (put_pop) begin
        put_q <= IDLE;
        if (ending.cut) take_q <= fill_q;
      end else if (scrub_due) put_q <= SCRUB_START;
      SCRUB_START: begin
        pos_q      <= '0;
        beats_q    <= '0;
        scrubbed_q <= 1'b1;
        if (walk_ready) put_q <= SCRUB;
      end
      SCRUB: if (chunk_valid && chunk_ready && (chunk.last || chunk.err != WALK_OK)) put_q <= wiped_q ? WIPED : LAST;
      WIPED: begin
        wiped_q <= 1'b1;
        if (undo) put_q <= SCRUB_START;
        if (undone) scrubbed_q <= 1'b0;
      end
      default: put_q <= IDLE;
    endcase
    // Whatever it was at: close the burst, stop the walker.
    if (wipe_i && !wiped_q) begin
      scrubbed_q <= 1'b0;
      if (put_q == CUT ? (beats_q == '0 || retire_push) && walk_idle : put_q == WIPED) put_q <= WIPED;
      else put_q <= CUT;
    end
    touched_q <= touched_q + 8'(leaves) - 8'(owed_pop && touched_q != '0);
    if (!rst_ni) begin
      put_q     <= IDLE;
      take_q    <= '0;
      wiped_q   <= 1'b0;
      touched_q <= '0;
    end
  end

  fifo #(.WIDTH(BYTES), .DEPTH(4 * BEATS)) u_strb (
    .clk_i, .rst_ni,
    .in_valid_i(w_push), .in_ready_o(w_room), .in_i(strb),
    .out_valid_o(w_valid_o), .out_ready_i(w_ready_i), .out_o(w_strb_o)
  );
  // In step with the strobes, until it is wiped.
  logic [DW-1:0] w_data;
  logic          w_some;
  gcm_fifo #(.WIDTH(DW), .DEPTH(4 * BEATS)) u_w (
    .clk_i, .rst_ni, .wipe_i,
    .in_valid_i(w_push), .in_i(beat),
    .out_valid_o(w_some), .out_ready_i(w_ready_i), .out_o(w_data)
  );
  assign w_data_o = wipe_i ? '0 : w_data;
  fifo #(.WIDTH($bits(axi_aw_t)), .DEPTH(16)) u_aw (
    .clk_i, .rst_ni,
    .in_valid_i(aw_push), .in_ready_o(aw_room), .in_i(aw_d),
    .out_valid_o(aw_valid_o), .out_ready_i(aw_ready_i), .out_o(aw_o)
  );

  // ---------------------------------------------------------------- retire
  logic         b_some, b_err, b_pop, done_now;
  logic         tag_some, failed_q;
  logic [127:0] tag;
  dma_err_t     fault_q;
  fifo #(.WIDTH($bits(retire_t)), .DEPTH(64)) u_retire (
    .clk_i, .rst_ni,
    .in_valid_i(retire_push), .in_ready_o(retire_room), .in_i(retire_d),
    .out_valid_o(retire_valid), .out_ready_i(retire_pop), .out_o(retire)
  );
  // One for each END.
  gcm_fifo #(.WIDTH(128), .DEPTH(64)) u_tags (
    .clk_i, .rst_ni, .wipe_i,
    .in_valid_i(put_pop), .in_i(ending.tag),
    .out_valid_o(tag_some), .out_ready_i(done_now), .out_o(tag)
  );
  // No more bursts are out than `u_retire` has places, so this never overflows.
  gcm_fifo #(.WIDTH(1), .DEPTH(64)) u_b (
    .clk_i, .rst_ni,
    .in_valid_i(b_valid_i), .in_i(b_err_i),
    .out_valid_o(b_some), .out_ready_i(b_pop), .out_o(b_err)
  );
  assign done_now   = retire_valid && retire.kind == END && (!cpl_valid_o || cpl_ready_i) && !wipe_i;
  assign owed_pop   = done_now || undone;
  assign b_pop      = retire_valid && retire.kind == BURST;
  assign retire_pop = retire_valid && (retire.kind == BURST ? b_some : retire.kind == FAULT || done_now || wipe_i);
  always_ff @(posedge clk_i) begin
    retiring_q <= retiring_q + 7'(retire_push) - 7'(retire_pop);
    if (cpl_ready_i) cpl_valid_o <= 1'b0;
    if (retire_pop && retire.kind != END && !failed_q && (retire.kind == FAULT || b_err)) begin
      failed_q <= 1'b1;
      fault_q  <= retire.err;
    end
    if (done_now) begin
      failed_q        <= 1'b0;
      cpl_valid_o     <= 1'b1;
      cpl_o.queue_idx <= owed.queue_idx;
      cpl_o.cookie    <= owed.cookie;
      // Failing reads come before failing writes, and those before a wrong tag.
      if (failed_q && (retire.err.status == STATUS_OK || retire.err.status == STATUS_TAG_MISMATCH)) begin
        cpl_o.status <= fault_q.status;
        cpl_o.result <= {64'd0, fault_q.page, 12'd0};
        cpl_o.bytes  <= '0;
      end else begin
        cpl_o.status <= retire.err.status;
        cpl_o.result <= retire.err.status == STATUS_OK ? tag : {64'd0, retire.err.page, 12'd0};
        cpl_o.bytes  <= retire.err.status == STATUS_OK ? owed.pay_len : '0;
      end
    end
    // What is done with is forgotten; what is offered stays as it is.
    if (wipe_i && (!cpl_valid_o || cpl_ready_i)) begin
      cpl_valid_o <= undone;
      cpl_o       <= '{queue_idx: owed.queue_idx, cookie: owed.cookie, status: STATUS_ZEROIZED, bytes: '0, result: '0};
    end
    if (!rst_ni) begin
      retiring_q  <= '0;
      failed_q    <= 1'b0;
      cpl_valid_o <= 1'b0;
    end
  end
`ifndef SYNTHESIS
  always_ff @(posedge clk_i) if (rst_ni && !wipe_i) assert (w_some == w_valid_o && (tag_some || !done_now));
`endif
endmodule
