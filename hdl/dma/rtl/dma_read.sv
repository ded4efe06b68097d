// SPDX-License-Identifier: Apache-2.0
//
// Read half of a channel: fetches what a request's engine eats (IV, AAD, source, expected tag) with up to RD_TAGS reads in
// flight, answered in any order, and packs it to 16-byte blocks in order.
//
//   requests -> sections -> dma_walker -> chunks --+--> AR          R -> places (256 bytes a tag)
//                                                  +--> FIFO -> gather: pieces of places -> ring of bytes -> blocks
//
// Tags are given out and freed in order. A read error, a bad list or a queue reset ends the request: the engine gets `abort`, the
// rest of the request's chunks are dropped, and the cause goes to err_o.
//
// From wipe_i on nothing more is read; what reads in flight bring is dropped, and all that held data is overwritten with zeros.
module dma_read
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned DW      = 256,
  parameter  int unsigned RD_TAGS = 64,
  parameter  int unsigned QUEUES  = 8,
  localparam int unsigned BYTES   = DW / 8,
  localparam int unsigned LB      = $clog2(BYTES),
  localparam int unsigned TW      = $clog2(RD_TAGS)
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 wipe_i,       // stays until reset
  input  logic                 req_valid_i,
  output logic                 req_ready_o,
  /* verilator lint_off UNUSEDSIGNAL */  // the write half's part of the descriptor
  input  chan_req_t            req_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  logic [QUEUES-1:0]    resetting_i,
  // To the engine.
  output logic                 blk_valid_o,
  input  logic                 blk_ready_i,
  output gcm_in_t              blk_o,
  output logic                 err_valid_o,
  output dma_err_t             err_o,
  // AXI reads; answers are always taken.
  output logic                 ar_valid_o,
  input  logic                 ar_ready_i,
  output axi_ar_t              ar_o,
  input  logic                 r_valid_i,
  input  logic [AXI_TAG_W-1:0] r_tag_i,
  input  logic [DW-1:0]        r_data_i,
  input  logic                 r_err_i,
  input  logic                 r_last_i,
  output logic [8:0]           bytes_o    // bytes asked for in this cycle
);
  localparam logic [AXI_TAG_W-1:0] LIST_TAG = 8'd128;
  localparam int unsigned CHUNKS = 2 * RD_TAGS;

  typedef enum logic [1:0] {IV, AAD, SRC, TAG} section_e;

  // ------------------------------------------------------------- sections
  typedef enum logic [1:0] {IDLE, START, RUN, KILL} state_e;
  state_e      state_q;
  /* verilator lint_off UNUSEDSIGNAL */
  submission_t sub_q;
  /* verilator lint_on UNUSEDSIGNAL */
  logic        resetting_q;       // of the request's queue, or wiped
  logic [$clog2(QUEUES)-1:0] queue_q;
  logic [3:0]  todo_q, todo_next; // by section_e
  logic [31:0] pay_left_q;
  section_e    sect;
  logic        open;

  /* verilator lint_off UNUSEDSIGNAL */
  function automatic logic [3:0] sections(submission_t s);
    /* verilator lint_on UNUSEDSIGNAL */
    logic o;
    o           = s.opcode == OPCODE_GCM_OPEN;
    sections[IV]  = s.iv_len != 10'd12;
    sections[AAD] = s.aad_len != '0;
    sections[SRC] = s.pay_len != '0 || (o && s.tag_mode == TAG_MODE_APPENDED);
    sections[TAG] = o && s.tag_mode == TAG_MODE_ADDRESS;
  endfunction

  assign open      = sub_q.opcode == OPCODE_GCM_OPEN;
  assign todo_next = todo_q & (todo_q - 4'd1);
  always_comb begin
    priority case (1'b1)
      todo_q[IV]: sect = IV;
      todo_q[AAD]: sect = AAD;
      todo_q[SRC]: sect = SRC;
      default: sect = TAG;
    endcase
  end

  // What is left of a request is not read: its queue is being reset, or what was read of it ends in an error.
  logic        stop, skip_q;
  logic [8:0]  ends_q;   // ends of requests among the items
  assign stop = resetting_q || (skip_q && ends_q == '0);

  logic        walk_valid, walk_ready, walk_idle, walk_kill;
  logic [63:0] walk_addr;
  logic [32:0] walk_bytes;
  logic        chunk_valid, chunk_ready;
  chunk_t      chunk;
  logic        list_valid, list_ready;
  logic [63:0] list_addr;
  logic [7:0]  list_len;
  always_comb begin
    unique case (sect)
      IV: begin
        walk_addr  = {sub_q.iv1, sub_q.iv0};
        walk_bytes = 33'(sub_q.iv_len);
      end
      AAD: begin
        walk_addr  = {sub_q.aad1, sub_q.aad0};
        walk_bytes = 33'(sub_q.aad_len);
      end
      SRC: begin
        walk_addr  = {sub_q.src_hi, sub_q.src_lo};
        walk_bytes = 33'(sub_q.pay_len) + (open && sub_q.tag_mode == TAG_MODE_APPENDED ? 33'(sub_q.tag_len) : 33'd0);
      end
      default: begin
        walk_addr  = {sub_q.aad3, sub_q.aad2};
        walk_bytes = 33'(sub_q.tag_len);
      end
    endcase
  end
  logic aad_inline;
  assign aad_inline = sect == AAD && sub_q.aad_inline;
  assign walk_valid = state_q == START && !aad_inline && !stop;
  assign walk_kill  = state_q == KILL;
  dma_walker #(.DW(DW)) u_walker (
    .clk_i, .rst_ni, .wipe_i,
    .start_valid_i(walk_valid), .start_ready_o(walk_ready),
    .start_addr_i(walk_addr), .start_bytes_i(walk_bytes), .start_sgl_i(sect == SRC && sub_q.src_sgl),
    .chunk_valid_o(chunk_valid), .chunk_ready_i(chunk_ready), .chunk_o(chunk),
    .kill_i(walk_kill), .idle_o(walk_idle),
    .ar_valid_o(list_valid), .ar_ready_i(list_ready), .ar_addr_o(list_addr), .ar_len_o(list_len),
    .r_valid_i(r_valid_i && r_tag_i == LIST_TAG), .r_data_i, .r_err_i, .r_last_i
  );

  // --------------------------------------------------- chunks, in order
  typedef enum logic [1:0] {MEM, NOW, BAD} kind_e;   // a read; AAD from the descriptor; the request ends in an error
  typedef struct packed {
    kind_e         kind;
    section_e      sect;
    logic          sect_end;
    logic          req_end;
    logic [LB-1:0] off;     // of the first byte in its beat
    logic [8:0]    bytes;
    logic [8:0]    cut;     // payload bytes, if the payload ends here and the tag follows; else 0
    logic [127:0]  data;    // NOW: the AAD; else dma_err_t
  } item_t;
  item_t    item_d, item;
  dma_err_t why;
  logic     item_push, item_ready, item_valid, item_pop;
  logic     ar_push, ar_room;
  axi_ar_t  ar_d;
  logic [TW:0] give_q, free_q;   // tags given out, freed
  logic        tag_some;
  assign tag_some = (give_q - free_q) != (TW + 1)'(RD_TAGS);

  logic can_chunk;
  assign can_chunk   = item_ready && (chunk.err != WALK_OK || (tag_some && ar_room));
  assign chunk_ready = state_q == RUN && can_chunk && !stop;
  assign ar_push     = chunk_valid && chunk_ready && chunk.err == WALK_OK;
  assign bytes_o     = ar_push ? chunk.bytes : '0;
  always_comb begin
    item_d          = '0;
    item_d.kind     = MEM;
    item_d.sect     = sect;
    item_d.sect_end = chunk.last;
    item_d.req_end  = chunk.last && todo_next == '0;
    item_d.off      = chunk.addr[LB-1:0];
    item_d.bytes    = chunk.bytes;
    item_d.cut      = (sect == SRC && open && pay_left_q != '0 && pay_left_q <= 32'(chunk.bytes)) ? pay_left_q[8:0] : '0;
    why.page        = chunk.addr[63:12];
    why.status      = STATUS_OK;
    item_push       = chunk_valid && chunk_ready;
    if (chunk.err != WALK_OK) begin
      item_d.kind    = BAD;
      item_d.req_end = 1'b1;
      why.status     = chunk.err == WALK_BAD ? STATUS_BAD_SGL : STATUS_DMA_SRC_SGL;
    end
    item_d.data = 128'(why);
    if (state_q == START) begin
      item_push       = aad_inline && !stop;
      item_d.kind     = NOW;
      item_d.sect_end = 1'b1;
      item_d.req_end  = todo_next == '0;
      item_d.off      = '0;
      item_d.bytes    = sub_q.aad_len[8:0];
      item_d.cut      = '0;
      item_d.data     = {sub_q.aad3, sub_q.aad2, sub_q.aad1, sub_q.aad0};
    end
    if (state_q == KILL) begin
      item_push      = walk_idle;
      why.status     = STATUS_ABORTED;
      why.page       = '0;
      item_d.kind    = BAD;
      item_d.req_end = 1'b1;
      item_d.data    = 128'(why);
    end
  end
  fifo #(.WIDTH($bits(item_t)), .DEPTH(CHUNKS)) u_items (
    .clk_i, .rst_ni,
    .in_valid_i(item_push), .in_ready_o(item_ready), .in_i(item_d),
    .out_valid_o(item_valid), .out_ready_i(item_pop), .out_o(item)
  );

  assign req_ready_o = state_q == IDLE;
  always_ff @(posedge clk_i) begin
    ends_q      <= ends_q + 9'(item_push && item_ready && item_d.req_end) - 9'(item_pop && item.req_end);
    resetting_q <= resetting_i[queue_q] || wipe_i;
    unique case (state_q)
      IDLE:
      if (req_valid_i) begin
        sub_q       <= req_i.sub;
        queue_q     <= req_i.queue_idx[$clog2(QUEUES)-1:0];
        resetting_q <= 1'b0;
        todo_q      <= sections(req_i.sub);
        pay_left_q  <= req_i.sub.pay_len;
        if (sections(req_i.sub) != '0) state_q <= START;
      end
      START:
      if (stop) state_q <= KILL;
      else if (aad_inline ? item_ready : walk_ready) begin
        if (!aad_inline) state_q <= RUN;
        else begin
          todo_q  <= todo_next;
          state_q <= todo_next == '0 ? IDLE : START;
        end
      end
      RUN:
      if (stop) state_q <= KILL;
      else if (chunk_valid && chunk_ready) begin
        if (sect == SRC) pay_left_q <= pay_left_q <= 32'(chunk.bytes) ? '0 : pay_left_q - 32'(chunk.bytes);
        if (chunk.err != WALK_OK) state_q <= IDLE;
        else if (chunk.last) begin
          todo_q  <= todo_next;
          state_q <= todo_next == '0 ? IDLE : START;
        end
      end
      KILL: if (walk_idle && item_ready) state_q <= IDLE;
      default: ;
    endcase
    if (!rst_ni) begin
      state_q <= IDLE;
      queue_q <= '0;
      ends_q  <= '0;
    end
  end

  // ---------------------------------------------------------------- reads
  assign ar_d.addr = {chunk.addr[63:LB], LB'(0)};
  assign ar_d.len  = 8'((10'(chunk.addr[LB-1:0]) + 10'(chunk.bytes) - 10'd1) >> LB);
  assign ar_d.tag  = AXI_TAG_W'(give_q[TW-1:0]);
  // The walker's list reads go first: nothing moves without them.
  logic    data_valid, data_ready;
  axi_ar_t data_ar;
  fifo #(.WIDTH($bits(axi_ar_t)), .DEPTH(4)) u_ar (
    .clk_i, .rst_ni,
    .in_valid_i(ar_push), .in_ready_o(ar_room), .in_i(ar_d),
    .out_valid_o(data_valid), .out_ready_i(data_ready), .out_o(data_ar)
  );
  assign ar_valid_o = data_valid || list_valid;
  assign ar_o       = list_valid ? '{addr: list_addr, len: list_len, tag: LIST_TAG} : data_ar;
  assign list_ready = ar_ready_i;
  assign data_ready = ar_ready_i && !list_valid;

  // --------------------------------------------------------------- places
  localparam int unsigned BEATS = BURST_BYTES / BYTES;
  localparam int unsigned LBT   = $clog2(BEATS);
  (* ram_style = "block", no_rw_check *) logic [DW-1:0] places[RD_TAGS*BEATS];
  logic [LBT-1:0]     beat_q[RD_TAGS];
  logic [RD_TAGS-1:0] done_q, bad_q;
  logic               place_free;
  logic               r_mine;
  logic [TW+LBT-1:0]  sweep_q, place;
  logic [DW-1:0]      place_data;
  logic [TW-1:0]      r_tag;
  assign r_tag  = r_tag_i[TW-1:0];
  assign r_mine = r_valid_i && r_tag_i != LIST_TAG;
  assign place      = wipe_i ? sweep_q : {r_tag, beat_q[r_tag]};
  assign place_data = wipe_i ? '0 : r_data_i;
  logic [DW-1:0]     read_q;
  logic [TW+LBT-1:0] read_addr;
  logic              read_now;
  always_ff @(posedge clk_i) begin
    if (r_mine || wipe_i) places[place] <= place_data;
    sweep_q <= wipe_i ? sweep_q + 1'b1 : '0;
    if (r_mine) begin
      beat_q[r_tag] <= r_last_i ? '0 : beat_q[r_tag] + 1'b1;
      bad_q[r_tag]  <= bad_q[r_tag] | r_err_i;
      done_q[r_tag] <= r_last_i;
    end
    if (read_now || wipe_i) read_q <= places[read_addr];
    if (place_free) begin
      done_q[free_q[TW-1:0]] <= 1'b0;
      bad_q[free_q[TW-1:0]]  <= 1'b0;
    end
    give_q <= give_q + (TW + 1)'(ar_push);
    free_q <= free_q + (TW + 1)'(place_free);
    if (!rst_ni) begin
      give_q <= '0;
      free_q <= '0;
      done_q <= '0;
      bad_q  <= '0;
      for (int t = 0; t < int'(RD_TAGS); t++) beat_q[t] <= '0;
    end
  end

  // --------------------------------------------------------------- gather
  // A ring of bytes takes pieces at any position and gives 16-byte blocks; a section's end fills up its last block.
  localparam int unsigned RING = 2 * BYTES;
  localparam int unsigned RW   = $clog2(RING);
  logic [RING-1:0][7:0] ring_q;
  logic [RW:0]          put_q, take_q, used;
  assign used = put_q - take_q;

  typedef struct packed {
    logic          now;
    logic          flush;
    logic [LB-1:0] off;
    logic [LB:0]   bytes;
  } piece_t;
  piece_t        piece_d, piece_q;
  logic          piece_valid_q, piece_valid, merge, advance;
  logic [127:0]  now_q;
  logic [8:0]    pos_q;
  logic          here, broken, abort_q;
  logic [LB:0]   to_beat;
  logic [8:0]    left, to_cut, bytes;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [9:0]    at;
  /* verilator lint_on UNUSEDSIGNAL */
  logic          ends_item;

  assign here   = item_valid && (item.kind != MEM || done_q[free_q[TW-1:0]]);
  assign broken = here && !skip_q && (item.kind == BAD || (item.kind == MEM && bad_q[free_q[TW-1:0]]));
  assign at      = 10'(item.off) + 10'(pos_q);
  assign to_beat = (LB + 1)'(BYTES) - (LB + 1)'(at[LB-1:0]);
  assign left    = item.bytes - pos_q;
  assign to_cut  = item.cut - pos_q;
  always_comb begin
    bytes = left;
    if (item.kind == MEM && 9'(to_beat) < bytes) bytes = 9'(to_beat);
    if (pos_q < item.cut && to_cut < bytes) bytes = to_cut;
    piece_d.now   = item.kind == NOW;
    piece_d.off   = at[LB-1:0];
    piece_d.bytes = bytes[LB:0];
    piece_d.flush = (ends_item && item.sect_end) || (item.cut != '0 && pos_q + bytes == item.cut);
  end
  assign ends_item   = bytes == left;
  assign piece_valid = here && !broken && !skip_q;
  assign merge       = piece_valid_q && (RW + 1)'(used) + (RW + 1)'(piece_q.bytes) <= (RW + 1)'(RING);
  assign advance     = !piece_valid_q || merge;
  assign read_now    = advance;
  assign read_addr   = {free_q[TW-1:0], at[LB+LBT-1:LB]};
  assign item_pop    = here && (skip_q || (!broken && advance && ends_item));
  assign place_free  = item_pop && item.kind == MEM;

  // The block ring.
  logic [DW-1:0]   beat;
  logic [LB-1:0]   turn;
  logic [RING-1:0] mask;
  logic [BYTES-1:0] ones;
  logic [2*RING-1:0] spread;
  assign turn   = put_q[LB-1:0] - piece_q.off;
  assign ones   = BYTES'(((BYTES + 1)'(1) << piece_q.bytes) - (BYTES + 1)'(1));
  assign spread = (2 * RING)'(ones) << put_q[RW-1:0];
  assign mask   = spread[RING-1:0] | spread[2*RING-1:RING];
  always_comb begin
    beat = piece_q.now ? DW'(now_q) : read_q;
    for (int l = 0; l < int'(LB); l++) if (turn[l]) beat = (beat << (8 << l)) | (beat >> (DW - (8 << l)));
  end

  logic block_some;
  assign block_some  = used >= (RW + 1)'(16);
  assign blk_valid_o = block_some || abort_q;
  assign blk_o.abort = !block_some;
  assign blk_o.data  = ring_q[{take_q[RW-1:4], 4'd0}+:16];
  assign err_valid_o = abort_q && !block_some && blk_ready_i;
  always_comb begin
    err_o = item.data[$bits(dma_err_t)-1:0];
    if (item.kind == MEM) begin
      unique case (item.sect)
        IV: err_o.status = STATUS_DMA_IV;
        AAD: err_o.status = STATUS_DMA_AAD;
        SRC: err_o.status = STATUS_DMA_SRC;
        default: err_o.status = STATUS_DMA_TAG;
      endcase
    end
  end

  logic [RW:0] put_next;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [RW:0] put_full;
  /* verilator lint_on UNUSEDSIGNAL */
  assign put_next = put_q + (RW + 1)'(piece_q.bytes);
  assign put_full = put_next + (RW + 1)'(15);
  always_ff @(posedge clk_i) begin
    if (advance) begin
      piece_valid_q <= piece_valid;
      piece_q       <= piece_d;
      now_q         <= item.data;
      if (piece_valid) pos_q <= ends_item ? '0 : pos_q + bytes;
    end
    if (merge) begin
      for (int b = 0; b < int'(RING); b++) if (mask[b]) ring_q[b] <= beat[8*(b%BYTES)+:8];
      put_q <= piece_q.flush ? {put_full[RW:4], 4'd0} : put_next;
    end
    if (wipe_i) ring_q <= '0;
    if (block_some && blk_ready_i) take_q <= take_q + (RW + 1)'(16);
    // An error waits until what came before it is gone.
    if (broken && !abort_q && !piece_valid_q && !block_some) abort_q <= 1'b1;
    if (err_valid_o) begin
      abort_q <= 1'b0;
      skip_q  <= 1'b1;
      pos_q   <= '0;
      put_q   <= take_q;
    end
    if (item_pop && skip_q && item.req_end) skip_q <= 1'b0;
    if (!rst_ni) begin
      piece_valid_q <= 1'b0;
      pos_q         <= '0;
      put_q         <= '0;
      take_q        <= '0;
      abort_q       <= 1'b0;
      skip_q        <= 1'b0;
    end
  end
endmodule
