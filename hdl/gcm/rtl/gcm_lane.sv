// SPDX-License-Identifier: Apache-2.0
//
// AES-GCM lane (NIST SP 800-38D, 7.1 and 7.2): one 16-byte block a cycle, requests of different keys and sizes back to back.
// A request with a 12-byte IV takes ceil(aad_len/16) + ceil(pay_len/16) + 1 cycles; the last one is the length block of GHASH,
// in whose place the pipe encrypts J0. Any other IV length first runs its own GHASH and waits for J0.
//
// Every cycle's block, of whatever kind, walks the same fixed-latency path, with no clock enable anywhere:
//   issue (2) -> AES pipe (59) beside a delay RAM -> XOR and mask (2) -> GHASH (8) -> tag (5)
// so a block may start only while there are credits for what it will put out.
// Formats and the meaning of `abort`: gcm_pkg. While wipe_i, with rst_ni low, all that held a key, data or anything made of them is
// overwritten, again and again (README, Wipe). The caller loads or clears a slot only while no request uses it.
module gcm_lane
  import gcm_pkg::*;
  import ghash_pkg::*;
#(
  parameter int unsigned SLOTS = 64,
  parameter sbox_e       SBOX  = SBOX_TABLE,
  parameter int unsigned BRAM_ROUNDS = 14   // see aes_pipe
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  wipe_i,
  // Keys: load (expand, compute powers of H) or clear (overwrite with zeros) a slot; key byte i in [8*i +: 8].
  input  logic                  key_valid_i,
  output logic                  key_ready_o,
  input  logic                  key_clear_i,
  /* verilator lint_off UNUSEDSIGNAL */  // as wide as the largest device's
  input  logic [SLOT_IDX_W-1:0] key_slot_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  key_size_e             key_size_i,
  input  logic [255:0]          key_i,
  output logic                  key_done_o,
  // Request headers.
  input  logic                  req_valid_i,
  output logic                  req_ready_o,
  input  gcm_req_t              req_i,
  // Blocks in, payload out, results.
  input  logic                  in_valid_i,
  output logic                  in_ready_o,
  input  gcm_in_t               in_i,
  output logic                  out_valid_o,
  input  logic                  out_ready_i,
  output gcm_out_t              out_o,
  output logic                  res_valid_o,
  input  logic                  res_ready_i,
  output gcm_res_t              res_o,
  // For counters: a request is in the lane; it waits for a block; it waits for credits.
  output logic                  busy_o,
  output logic                  stall_in_o,
  output logic                  stall_out_o
);
  localparam int unsigned IW = $clog2(SLOTS);
  localparam int unsigned AES_LATENCY = 59;
  localparam int unsigned OUT_DEPTH = 128;  // payload blocks in flight and waiting
  localparam int unsigned RES_DEPTH = 128;  // requests in flight and waiting

  function automatic logic [31:0] swap32(logic [31:0] v);
    return {v[7:0], v[15:8], v[23:16], v[31:24]};
  endfunction
  function automatic logic [63:0] swap64(logic [63:0] v);
    return {swap32(v[31:0]), swap32(v[63:32])};
  endfunction
  // Ones in the first n bytes.
  function automatic logic [127:0] mask(logic [4:0] n);
    logic [127:0] m;
    logic [15:0]  t;
    t = '0;
    for (int b = 0; b < 4; b++) if (n[b]) t = (t << (1 << b)) | 16'((1 << (1 << b)) - 1);
    for (int i = 0; i < 16; i++) m[8*i+:8] = {8{t[i] || n[4]}};
    return m;
  endfunction

  // ---------------------------------------------------------------- headers
  // A header passes three registers, without back-pressure, into two small RAMs: a FIFO of what the
  // sequencer has to know, and, addressed by the request's number, what each of its blocks has to know. Lengths become counts of blocks that run down to a
  // sign bit, so that nothing is ever compared.
  localparam int unsigned ID_W = 4;         // numbers of requests
  typedef struct packed {
    logic [IW-1:0] slot;
    key_size_e     size;
    logic          decrypt;
    logic          long_iv;
    logic [9:0]    iv_len;
    logic [95:0]   iv;
    logic [31:0]   aad_len;
    logic [31:0]   pay_len;
    logic [4:0]    tag_len;
  } facts_t;
  typedef struct packed {
    logic               long_iv;
    logic               decrypt;
    logic               has_aad, has_pay;
    logic        [4:0]  iv_tail, aad_tail, pay_tail;  // bytes in the last block
    logic signed [7:0]  iv_left;                      // blocks - 2
    logic signed [7:0]  iv_all;                       // blocks of the IV's GHASH string - 6
    logic signed [29:0] aad_left, pay_left;           // blocks - 2
    logic signed [30:0] all;                          // blocks of the other string - 6
  } plan_t;

  /* verilator lint_off UNUSEDSIGNAL */  // slot numbers are as wide as the largest device's
  gcm_req_t p0_q;
  /* verilator lint_on UNUSEDSIGNAL */
  facts_t   facts_d;
  plan_t    p1_q, p2_q;
  logic     p0_valid_q, p1_valid_q, p2_valid_q, accept, finished, flush_q;
  logic [ID_W-1:0] accept_id_q;             // of the header in p0_q
  logic [ID_W:0]   pending_q;               // accepted, last block not issued
  assign accept = req_valid_i && req_ready_o;
  function automatic logic [4:0] tail(logic [3:0] bytes);
    return {bytes == 4'd0, bytes};
  endfunction
  always_comb begin
    facts_d         = '0;
    facts_d.slot    = p0_q.slot[IW-1:0];
    facts_d.size    = p0_q.key_size;
    facts_d.decrypt = p0_q.decrypt;
    facts_d.long_iv = p0_q.iv_len != 10'd12;
    facts_d.iv_len  = p0_q.iv_len;
    facts_d.iv      = p0_q.iv;
    facts_d.aad_len = p0_q.aad_len;
    facts_d.pay_len = p0_q.pay_len;
    facts_d.tag_len = p0_q.tag_len;
  end
  always_ff @(posedge clk_i) begin
    p0_valid_q    <= accept;
    p0_q          <= req_i;
    p1_valid_q    <= p0_valid_q;
    p1_q          <= '0;
    p1_q.long_iv  <= facts_d.long_iv;
    p1_q.decrypt  <= p0_q.decrypt;
    p1_q.has_aad  <= p0_q.aad_len != '0;
    p1_q.has_pay  <= p0_q.pay_len != '0;
    p1_q.iv_tail  <= tail(p0_q.iv_len[3:0]);
    p1_q.aad_tail <= tail(p0_q.aad_len[3:0]);
    p1_q.pay_tail <= tail(p0_q.pay_len[3:0]);
    // ceil(n / 16) - 2 = floor((n - 17) / 16)
    p1_q.iv_left  <= 8'((12'(p0_q.iv_len) - 12'd17) >> 4);
    p1_q.aad_left <= 30'((34'(p0_q.aad_len) - 34'd17) >> 4);
    p1_q.pay_left <= 30'((34'(p0_q.pay_len) - 34'd17) >> 4);
    p2_valid_q    <= p1_valid_q;
    p2_q          <= p1_q;
    p2_q.iv_all   <= p1_q.iv_left - 8'sd3;
    p2_q.all      <= 31'(p1_q.aad_left) + 31'(p1_q.pay_left) - 31'sd1;
    accept_id_q   <= accept_id_q + ID_W'(p0_valid_q);
    pending_q     <= pending_q + (ID_W+1)'(accept) - (ID_W+1)'(finished);
    req_ready_o   <= pending_q < (ID_W+1)'(2**ID_W - 2) && !flush_q;
    if (!rst_ni) begin
      p0_valid_q  <= 1'b0;
      p1_valid_q  <= 1'b0;
      p2_valid_q  <= 1'b0;
      accept_id_q <= '0;
      pending_q   <= '0;
      req_ready_o <= 1'b0;
    end
  end
  (* no_rw_check *) facts_t facts_ram[2**ID_W];
  always_ff @(posedge clk_i) if (p0_valid_q) facts_ram[accept_id_q] <= facts_d;
  plan_t plan;
  logic  plan_some, plan_pop;
  gcm_fifo #(.WIDTH($bits(plan_t)), .DEPTH(2**ID_W)) u_plans (
    .clk_i, .rst_ni,
    .in_valid_i(p2_valid_q), .in_i(p2_q),
    .out_valid_o(plan_some), .out_ready_i(plan_pop), .out_o(plan)
  );

  // The next GHASH string. A request whose IV is not of 12 bytes has two, and the second waits for J0.
  typedef struct packed {
    logic [ID_W-1:0]    id;
    logic               of_iv;
    logic               decrypt;
    logic               has_pay;                      // the request
    logic               in_first, in_pay, in_len;     // its first block: of IV or AAD, payload, lengths
    logic               pay_next;                     // payload follows the first section
    logic [4:0]         first_tail, pay_tail;
    logic signed [29:0] first_left, pay_left;
    logic signed [30:0] all;
  } string_t;
  string_t next_d, next_q;
  logic    next_valid_q, next_waits_q, second_q, of_iv, load_next, take, j0_now_q;
  logic [ID_W-1:0] plan_id_q, bad_id_q;
  assign of_iv     = plan.long_iv && !second_q;
  assign load_next = take || !(next_valid_q || next_waits_q);
  assign plan_pop  = load_next && !of_iv;
  always_comb begin
    next_d            = '0;
    next_d.id         = plan_id_q;
    next_d.of_iv      = of_iv;
    next_d.decrypt    = plan.decrypt;
    next_d.has_pay    = plan.has_pay;
    next_d.in_first   = of_iv || plan.has_aad;
    next_d.in_pay     = !of_iv && !plan.has_aad && plan.has_pay;
    next_d.in_len     = !of_iv && !plan.has_aad && !plan.has_pay;
    next_d.pay_next   = !of_iv && plan.has_pay;
    next_d.first_tail = of_iv ? plan.iv_tail : plan.aad_tail;
    next_d.pay_tail   = plan.pay_tail;
    next_d.first_left = of_iv ? 30'(plan.iv_left) : plan.aad_left;
    next_d.pay_left   = plan.pay_left;
    next_d.all        = of_iv ? 31'(plan.iv_all) : plan.all;
  end
  always_ff @(posedge clk_i) begin
    if (load_next) begin
      next_q       <= next_d;
      next_valid_q <= plan_some && !(plan.long_iv && second_q);
      next_waits_q <= plan_some && plan.long_iv && second_q;
      if (plan_some) second_q <= of_iv;
      if (plan_some && !of_iv) plan_id_q <= plan_id_q + 1'b1;
    end
    if (next_waits_q && j0_now_q) begin
      next_valid_q <= 1'b1;
      next_waits_q <= 1'b0;
    end
    if (next_waits_q && flush_q && next_q.id == bad_id_q) next_waits_q <= 1'b0;
    if (!rst_ni) begin
      next_valid_q <= 1'b0;
      next_waits_q <= 1'b0;
      second_q     <= 1'b0;
      plan_id_q    <= '0;
    end
  end

  // -------------------------------------------------------------- sequencer
  // Writes what is to be done for each block into a FIFO, ahead of its data.
  typedef enum logic [1:0] {
    HASH,      // IV, AAD and the IV's length: GHASH only
    CRYPT,     // payload
    LENGTH,    // length block and E(J0)
    FIND_H     // E(0), for a key being loaded
  } kind_e;
  typedef struct packed {
    kind_e           kind;
    logic            takes;      // a block of the input; for LENGTH it is the expected tag
    logic            lengths;    // its own data is lengths
    logic            of_iv;
    logic            closing;    // if aborted here, a closing block is due
    logic            last;       // last payload block
    logic [4:0]      bytes;
    logic [ID_W-1:0] id;
    ghash_ctl_t      ghash;
  } op_t;
  localparam int unsigned OP_DEPTH = 16;

  string_t    cur_q;
  logic       run_q, free_q, step, space_q, young_q, far;  // free: not running or at the last block
  logic [2:0] way_q;
  logic [4:0] ops_q;                         // planned and not yet issued
  op_t        op_d, op_q, op;
  logic       op_valid_q, op_some, op_pop, op_popped_q;
  assign step = run_q && space_q;
  assign take = next_valid_q && free_q && space_q;
  always_ff @(posedge clk_i) begin
    if (step) begin
      cur_q.all        <= cur_q.all - 31'sd1;
      cur_q.first_left <= cur_q.first_left - 30'sd1;
      if (cur_q.in_pay) cur_q.pay_left <= cur_q.pay_left - 30'sd1;
      way_q <= way_q == 3'(WAYS - 1) ? 3'd0 : way_q + 3'd1;
      if (way_q == 3'(WAYS - 1)) young_q <= 1'b0;
      if (cur_q.in_first && cur_q.first_left < 0) begin
        cur_q.in_first <= 1'b0;
        cur_q.in_pay   <= cur_q.pay_next;
        cur_q.in_len   <= !cur_q.pay_next;
        free_q         <= !cur_q.pay_next;
      end
      if (cur_q.in_pay && cur_q.pay_left < 0) begin
        cur_q.in_pay <= 1'b0;
        cur_q.in_len <= 1'b1;
        free_q       <= 1'b1;
      end
      if (cur_q.in_len) run_q <= 1'b0;
    end
    if (take) begin
      cur_q   <= next_q;
      run_q   <= 1'b1;
      free_q  <= next_q.in_len;
      way_q   <= '0;
      young_q <= 1'b1;
    end else if (flush_q && cur_q.id == bad_id_q) begin
      run_q  <= 1'b0;
      free_q <= 1'b1;
    end
    ops_q   <= ops_q + 5'(step) - 5'(op_popped_q);
    space_q <= ops_q < 5'(OP_DEPTH - 3);
    if (!rst_ni) begin
      run_q   <= 1'b0;
      free_q  <= 1'b1;
      ops_q   <= '0;
      space_q <= 1'b0;
    end
  end

  assign far = cur_q.all >= 0;               // more than WAYS blocks left
  always_comb begin
    op_d                 = '0;
    op_d.kind            = cur_q.in_pay ? CRYPT : (cur_q.in_len && !cur_q.of_iv) ? LENGTH : HASH;
    op_d.takes           = !cur_q.in_len || (cur_q.decrypt && !cur_q.of_iv);
    op_d.lengths         = cur_q.in_len;
    op_d.of_iv           = cur_q.of_iv;
    op_d.closing         = cur_q.has_pay && (!cur_q.in_len || cur_q.of_iv);
    op_d.last            = cur_q.in_pay && cur_q.pay_left < 0;
    op_d.bytes           = 5'd16;
    if (cur_q.in_first && cur_q.first_left < 0) op_d.bytes = cur_q.first_tail;
    if (cur_q.in_pay && cur_q.pay_left < 0) op_d.bytes = cur_q.pay_tail;
    op_d.id              = cur_q.id;
    op_d.ghash.used_as   = cur_q.of_iv ? USE_J0 : USE_TAG;
    op_d.ghash.chain     = !young_q;
    op_d.ghash.way       = way_q;
    op_d.ghash.power     = far ? 3'(WAYS) : cur_q.all[2:0] - 3'd2;  // blocks left: all + 6
    op_d.ghash.tail      = !far;
    op_d.ghash.sum_start = (!far && cur_q.all[2:0] == 3'd7) || (young_q && way_q == '0);
    op_d.ghash.last      = !far && cur_q.all[2:0] == 3'd3;
  end
  always_ff @(posedge clk_i) begin
    op_valid_q <= rst_ni && step;
    op_q       <= op_d;
  end
  gcm_fifo #(.WIDTH($bits(op_t)), .DEPTH(OP_DEPTH)) u_ops (
    .clk_i, .rst_ni,
    .in_valid_i(op_valid_q), .in_i(op_q),
    .out_valid_o(op_some), .out_ready_i(op_pop), .out_o(op)
  );

  // ------------------------------------------------------------------ issue
  // A planned block meets its data. `go_q` is worked out a cycle before; the margins of the credits cover that.
  logic          go_q, issue, aborting, drop_q, inject, inject_want, inject_mul;
  poly_t         inject_h;
  logic [IW-1:0] key_slot;
  key_size_e     key_size;
  logic          credit_q;
  logic [7:0]    out_cnt_q, res_cnt_q;
  assign issue      = op_some && go_q && (in_valid_i || !op.takes);
  assign op_pop     = issue || drop_q;
  assign in_ready_o = op_some && go_q && op.takes;
  assign aborting   = in_ready_o && in_valid_i && in_i.abort;
  always_ff @(posedge clk_i) begin
    op_popped_q <= rst_ni && op_some && op_pop;
    inject      <= rst_ni && inject_want && !inject;
    go_q        <= rst_ni && credit_q && !(inject_want && !inject) && !aborting && !flush_q;
    // After an abort, what was planned for that request is dropped.
    drop_q      <= flush_q && !drop_q && op_some && op.id == bad_id_q;
    if (aborting) flush_q <= 1'b1;
    else if (!drop_q && (op_some ? op.id != bad_id_q : !run_q && ops_q == '0)) flush_q <= 1'b0;
    if (!flush_q) bad_id_q <= op.id;
    if (!rst_ni) begin
      flush_q <= 1'b0;
      drop_q  <= 1'b0;
    end
  end

  // The block with what is to be known of its request.
  facts_t       facts;
  /* verilator lint_off UNUSEDSIGNAL */  // parts of the structures are done with by then
  facts_t       facts_q;
  op_t          s_q;
  /* verilator lint_on UNUSEDSIGNAL */
  logic         s_valid_q, s_inject_q, s_abort_q;
  logic [127:0] s_data_q;
  assign facts = facts_ram[op.id];
  always_ff @(posedge clk_i) begin
    s_valid_q  <= rst_ni && issue;
    s_inject_q <= rst_ni && inject;
    s_abort_q  <= aborting;
    s_q        <= op;
    s_data_q   <= in_i.data;
    facts_q    <= facts;
    if (op.of_iv) begin
      facts_q.aad_len <= '0;
      facts_q.pay_len <= 32'(facts.iv_len);
    end
  end

  // Counter blocks: a request with a 12-byte IV starts at 2, any other at J0 + 1, loaded while nothing is issued.
  logic [127:0] j0_q;
  logic [31:0]  ctr_q;
  logic         j0_valid, s_ends;
  logic [127:0] j0;
  assign s_ends   = s_abort_q || s_q.kind == LENGTH;
  assign finished = s_valid_q && s_ends;
  always_ff @(posedge clk_i) begin
    j0_now_q <= rst_ni && j0_valid;
    if (j0_valid || wipe_i) j0_q <= j0;
    if (j0_now_q || (s_valid_q && s_q.kind == CRYPT)) ctr_q <= (j0_now_q ? swap32(j0_q[127:96]) : ctr_q) + 32'd1;  // inc_32
    if (!rst_ni || finished) ctr_q <= 32'd2;
  end

  typedef struct packed {
    kind_e         kind;
    logic          hashed;     // goes through GHASH
    logic          decrypt;
    logic          closing;    // puts out an abort's closing block
    logic          last;       // last payload block
    logic [4:0]    bytes;
    logic [IW-1:0] slot;
    ghash_ctl_t    ghash;
    logic [127:0]  data;
  } flow_t;
  flow_t        i_d, i_q;
  logic         i_valid_q;
  logic [127:0] i_block_d, i_block_q;
  key_size_e    i_size_q;
  always_comb begin
    i_d         = '0;
    i_d.kind    = s_q.kind;
    i_d.hashed  = 1'b1;
    i_d.decrypt = facts_q.decrypt;
    i_d.last    = s_q.last;
    i_d.bytes   = s_q.bytes;
    i_d.slot    = facts_q.slot;
    i_d.ghash   = s_q.ghash;
    i_d.data    = s_q.lengths ? {swap64({29'd0, facts_q.pay_len, 3'd0}), swap64({29'd0, facts_q.aad_len, 3'd0})} : s_data_q;
    if (s_abort_q) begin
      // Ends the string at once; its hash is of no use but frees what waits for it.
      i_d.kind            = LENGTH;
      i_d.closing         = s_q.closing;
      i_d.last            = 1'b0;
      i_d.ghash.used_as   = USE_TAG;
      i_d.ghash.power     = 3'd1;
      i_d.ghash.chain     = 1'b0;
      i_d.ghash.tail      = 1'b1;
      i_d.ghash.sum_start = 1'b1;
      i_d.ghash.last      = 1'b1;
    end
    if (s_inject_q) begin
      i_d.slot          = key_slot;
      i_d.kind          = inject_mul ? HASH : FIND_H;
      i_d.hashed        = inject_mul;
      i_d.data          = to_poly(inject_h);  // its own inverse
      i_d.bytes         = 5'd16;
      i_d.ghash         = '0;
      i_d.ghash.used_as = USE_PRODUCT;
      i_d.ghash.power   = 3'd1;
      i_d.ghash.tail    = 1'b1;
      i_d.ghash.last    = 1'b1;
    end
    i_block_d[95:0]   = facts_q.long_iv ? j0_q[95:0] : facts_q.iv;
    i_block_d[127:96] = s_q.kind == CRYPT ? swap32(ctr_q) : facts_q.long_iv ? j0_q[127:96] : swap32(32'd1);
  end

  always_ff @(posedge clk_i) begin
    i_valid_q <= rst_ni && (s_valid_q || s_inject_q);
    i_q       <= i_d;
    i_size_q  <= s_inject_q ? key_size : facts_q.size;
    i_block_q <= s_inject_q ? '0 : i_block_d;
  end

  // --------------------------------------------------------------- AES pipe
  logic          rk_write, rk_all;
  logic [3:0]    rk_ram;
  logic [127:0]  rk, stream;
  aes_pipe #(.SLOTS(SLOTS), .SBOX(SBOX), .BRAM_ROUNDS(BRAM_ROUNDS)) u_aes (
    .clk_i,
    .write_i(rk_write),
    .write_all_i(rk_all),
    .write_ram_i(rk_ram),
    .write_slot_i(key_slot),
    .write_key_i(rk),
    .slot_i(i_q.slot),
    .key_size_i(i_size_q),
    .block_i(i_block_q),
    .block_o(stream)
  );

  // Beside it, everything else about the block.
  logic [AES_LATENCY-1:0] valid_q;   // bit t: a block issued t + 1 cycles before
  flow_t                  x_q;
  aes_delay #(.WIDTH($bits(flow_t)), .CYCLES(AES_LATENCY)) u_beside (.clk_i, .data_i(i_q), .data_o(x_q));
  always_ff @(posedge clk_i) valid_q <= rst_ni ? {valid_q[AES_LATENCY-2:0], i_valid_q} : '0;
  logic x_valid;
  assign x_valid = valid_q[AES_LATENCY-1];

  typedef struct packed {
    logic         aborted;
    logic         decrypt;
    logic [4:0]   tag_len;
    logic [127:0] expected;
  } want_t;

  // ------------------------------------------------------------ XOR and mask
  /* verilator lint_off UNUSEDSIGNAL */  // parts of the structures are done with by then
  flow_t        y_q;
  want_t        sum_want_q, w_q, v_want_q;
  /* verilator lint_on UNUSEDSIGNAL */
  logic         y_valid_q, z_hash_q, z_out_q;
  logic [127:0] y_sum_q, y_stream_q, y_mask_q;
  logic         y_seal_q;
  poly_t        z_block_q;
  ghash_ctl_t   z_ctl_q;
  logic [IW-1:0] z_slot_q;
  gcm_out_t     z_q;
  always_ff @(posedge clk_i) begin
    y_valid_q  <= rst_ni && x_valid;
    y_q        <= x_q;
    y_stream_q <= stream;
    y_sum_q    <= x_q.data ^ stream;
    y_seal_q   <= x_q.kind == CRYPT && !x_q.decrypt;  // what is hashed is what is put out
    y_mask_q   <= mask(x_q.bytes);

    z_hash_q   <= rst_ni && y_valid_q && y_q.hashed;
    z_ctl_q    <= y_q.ghash;
    z_slot_q   <= y_q.slot;
    z_block_q  <= to_poly((y_seal_q ? y_sum_q : y_q.data) & y_mask_q);
    z_out_q    <= rst_ni && y_valid_q && (y_q.kind == CRYPT || y_q.closing);
    z_q.last   <= y_q.last || y_q.closing;
    z_q.bytes  <= y_q.closing ? '0 : y_q.bytes;
    z_q.data   <= y_q.closing ? '0 : y_sum_q & y_mask_q;
  end
  logic out_pop, res_pop;
  assign out_pop = out_valid_o && out_ready_i;
  assign res_pop = res_valid_o && res_ready_i;
  gcm_fifo #(.WIDTH($bits(gcm_out_t)), .DEPTH(OUT_DEPTH), .OUT_REG(1'b1)) u_out (
    .clk_i, .rst_ni, .wipe_i,
    .in_valid_i(z_out_q), .in_i(z_q),
    .out_valid_o, .out_ready_i, .out_o(out_o)
  );

  // ------------------------------------------------------------------ GHASH
  logic       pow_write, hash_done;
  logic [2:0] pow_index;
  poly_t      pow_h, hash;
  ghash_use_e hash_use;
  ghash #(.SLOTS(SLOTS)) u_ghash (
    .clk_i, .rst_ni, .wipe_i,
    .write_i(pow_write),
    .write_slot_i(key_slot),
    .write_power_i(pow_index),
    .write_h_i(pow_h),
    .valid_i(z_hash_q),
    .ctl_i(z_ctl_q),
    .slot_i(z_slot_q),
    .block_i(z_block_q),
    .done_o(hash_done),
    .use_o(hash_use),
    .hash_o(hash)
  );
  assign j0_valid = hash_done && hash_use == USE_J0;
  assign j0       = to_poly(hash);

  // -------------------------------------------------------------------- tag
  want_t        want_d, want;
  logic         want_some, ej0_some, tag_now_q, sum_valid_q, t_valid_q, u_valid_q;
  poly_t        hash_q;
  logic [127:0] ej0, sum_q, sum_mask_q, t_q;
  gcm_res_t     u_q;
  assign want_d.aborted  = s_abort_q;
  assign want_d.decrypt  = facts_q.decrypt;
  assign want_d.tag_len  = facts_q.tag_len;
  assign want_d.expected = s_data_q;
  // A register before it reaches the FIFOs' control.
  always_ff @(posedge clk_i) begin
    tag_now_q <= rst_ni && hash_done && hash_use == USE_TAG;
    hash_q    <= hash;
  end
  gcm_fifo #(.WIDTH($bits(want_t)), .DEPTH(RES_DEPTH), .OUT_REG(1'b1)) u_want (
    .clk_i, .rst_ni, .wipe_i,
    .in_valid_i(finished), .in_i(want_d),
    .out_valid_o(want_some), .out_ready_i(tag_now_q), .out_o(want)
  );
  gcm_fifo #(.WIDTH(128), .DEPTH(16)) u_ej0 (
    .clk_i, .rst_ni, .wipe_i,
    .in_valid_i(y_valid_q && y_q.kind == LENGTH), .in_i(y_stream_q),
    .out_valid_o(ej0_some), .out_ready_i(tag_now_q), .out_o(ej0)
  );
  logic [15:0] t_masked_q, v_equal_q;
  logic        v_valid_q;
  logic [127:0] v_tag_q;
  always_ff @(posedge clk_i) begin
    sum_valid_q  <= rst_ni && tag_now_q;
    sum_q        <= to_poly(hash_q) ^ ej0;
    sum_mask_q   <= mask(want.tag_len);
    sum_want_q   <= want;
    t_valid_q    <= rst_ni && sum_valid_q;
    t_q          <= sum_q & sum_mask_q;
    w_q          <= sum_want_q;
    for (int i = 0; i < 16; i++) t_masked_q[i] <= !sum_mask_q[8*i];
    v_valid_q    <= rst_ni && t_valid_q;
    v_want_q     <= w_q;
    v_tag_q      <= t_q;
    for (int i = 0; i < 16; i++) v_equal_q[i] <= t_masked_q[i] || t_q[8*i+:8] == w_q.expected[8*i+:8];
    u_valid_q    <= rst_ni && v_valid_q;
    u_q.aborted  <= v_want_q.aborted;
    u_q.tag_ok   <= !v_want_q.aborted && (!v_want_q.decrypt || v_equal_q == '1);
    u_q.tag      <= (v_want_q.aborted || v_want_q.decrypt) ? '0 : v_tag_q;
  end
  gcm_fifo #(.WIDTH($bits(gcm_res_t)), .DEPTH(RES_DEPTH), .OUT_REG(1'b1)) u_res (
    .clk_i, .rst_ni, .wipe_i,
    .in_valid_i(u_valid_q), .in_i(u_q),
    .out_valid_o(res_valid_o), .out_ready_i(res_ready_i), .out_o(res_o)
  );

  // ---------------------------------------------------------------- credits
  logic out_add;
  assign out_add = s_valid_q && (s_abort_q ? s_q.closing : s_q.kind == CRYPT);
  always_ff @(posedge clk_i) begin
    out_cnt_q   <= out_cnt_q + 8'(out_add) - 8'(out_pop);
    res_cnt_q   <= res_cnt_q + 8'(finished) - 8'(res_pop);
    credit_q    <= out_cnt_q < 8'(OUT_DEPTH - 8) && res_cnt_q < 8'(RES_DEPTH - 8);
    busy_o      <= pending_q != '0 || res_cnt_q != '0;
    stall_in_o  <= in_ready_o && !in_valid_i;
    stall_out_o <= op_some && !go_q && !inject && !flush_q;
    if (!rst_ni) begin
      out_cnt_q   <= '0;
      res_cnt_q   <= '0;
      credit_q    <= 1'b0;
      busy_o      <= 1'b0;
      stall_in_o  <= 1'b0;
      stall_out_o <= 1'b0;
    end
  end

  // ------------------------------------------------------------------- keys
  gcm_keys #(.SLOTS(SLOTS), .SBOX(SBOX)) u_keys (
    .clk_i, .rst_ni, .wipe_i,
    .valid_i(key_valid_i),
    .ready_o(key_ready_o),
    .clear_i(key_clear_i),
    .slot_i(key_slot_i[IW-1:0]),
    .size_i(key_size_i),
    .key_i,
    .done_o(key_done_o),
    .rk_write_o(rk_write),
    .rk_all_o(rk_all),
    .rk_ram_o(rk_ram),
    .rk_o(rk),
    .pow_write_o(pow_write),
    .pow_o(pow_index),
    .pow_h_o(pow_h),
    .inject_o(inject_want),
    .inject_mul_o(inject_mul),
    .inject_h_o(inject_h),
    .slot_o(key_slot),
    .size_o(key_size),
    .taken_i(inject),
    .aes_valid_i(y_valid_q && y_q.kind == FIND_H),
    .aes_i(to_poly(y_stream_q)),
    .mul_valid_i(hash_done && hash_use == USE_PRODUCT),
    .mul_i(hash)
  );

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni && tag_now_q) assert (want_some && ej0_some);
  end
`endif
endmodule
