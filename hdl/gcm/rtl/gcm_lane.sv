// SPDX-License-Identifier: Apache-2.0
//
// AES-GCM lane (NIST SP 800-38D, 7.1 and 7.2): one 16-byte block a cycle, requests of different keys and sizes back to back.
// A request with a 12-byte IV takes ceil(aad_len/16) + ceil(pay_len/16) + 1 cycles; the last one is the length block of GHASH,
// in whose place the pipe encrypts J0. Any other IV length first runs its own GHASH and waits for J0.
//
// Every cycle's block, of whatever kind, walks the same fixed-latency path, with no clock enable anywhere:
//   issue -> AES pipe (45) beside a delay RAM -> XOR and mask (2) -> GHASH (8) -> tag (2)
// so a block may start only while there are credits for what it will put out.
// Formats and the meaning of `abort`: gcm_pkg. The caller loads or clears a slot only while no request uses it.
module gcm_lane
  import gcm_pkg::*;
  import ghash_pkg::*;
#(
  parameter int unsigned SLOTS = 64,
  parameter sbox_e       SBOX  = SBOX_TABLE
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
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
  localparam int unsigned AES_LATENCY = 45;
  localparam int unsigned OUT_DEPTH = 128;  // payload blocks in flight and waiting
  localparam int unsigned RES_DEPTH = 64;   // requests in flight and waiting

  function automatic logic [31:0] swap32(logic [31:0] v);
    return {v[7:0], v[15:8], v[23:16], v[31:24]};
  endfunction
  function automatic logic [63:0] swap64(logic [63:0] v);
    return {swap32(v[31:0]), swap32(v[63:32])};
  endfunction
  // Ones in the first n bytes.
  function automatic logic [127:0] mask(logic [4:0] n);
    logic [127:0] m;
    for (int i = 0; i < 16; i++) m[8*i+:8] = {8{5'(i) < n}};
    return m;
  endfunction

  // ---------------------------------------------------------------- headers
  // Two registers ahead of the sequencer work out the counts of blocks and what is asked about them.
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
    logic [6:0]    iv_blocks;
    logic [28:0]   aad_blocks;
    logic [28:0]   pay_blocks;
    // Ready only in the second register:
    logic          iv_one, aad_one, pay_one;  // one block
    logic          has_aad, has_pay;
    logic          iv_far, all_far;           // more than WAYS blocks in the GHASH string, with the length block
    logic [29:0]   total;                     // blocks in that of AAD and payload
  } head_t;

  head_t h1_q, h2_q;
  logic  h1_valid_q, h2_valid_q, h2_take;
  logic  h1_take;
  assign h1_take     = !h2_valid_q || h2_take;
  assign req_ready_o = !h1_valid_q || h1_take;
  always_ff @(posedge clk_i) begin
    if (req_ready_o) begin
      h1_valid_q      <= req_valid_i;
      h1_q            <= '0;
      h1_q.slot       <= req_i.slot[IW-1:0];
      h1_q.size       <= req_i.key_size;
      h1_q.decrypt    <= req_i.decrypt;
      h1_q.long_iv    <= req_i.iv_len != 10'd12;
      h1_q.iv_len     <= req_i.iv_len;
      h1_q.iv         <= req_i.iv;
      h1_q.aad_len    <= req_i.aad_len;
      h1_q.pay_len    <= req_i.pay_len;
      h1_q.tag_len    <= req_i.tag_len;
      h1_q.iv_blocks  <= 7'((11'(req_i.iv_len) + 11'd15) >> 4);
      h1_q.aad_blocks <= 29'((33'(req_i.aad_len) + 33'd15) >> 4);
      h1_q.pay_blocks <= 29'((33'(req_i.pay_len) + 33'd15) >> 4);
    end
    if (h1_take) begin
      h2_valid_q   <= h1_valid_q;
      h2_q         <= h1_q;
      h2_q.iv_one  <= h1_q.iv_blocks == 7'd1;
      h2_q.aad_one <= h1_q.aad_blocks == 29'd1;
      h2_q.pay_one <= h1_q.pay_blocks == 29'd1;
      h2_q.has_aad <= h1_q.aad_len != '0;
      h2_q.has_pay <= h1_q.pay_len != '0;
      h2_q.iv_far  <= h1_q.iv_blocks > 7'(WAYS - 1);
      h2_q.all_far <= h1_q.aad_blocks[28:3] != '0 || h1_q.pay_blocks[28:3] != '0
                      || 4'(h1_q.aad_blocks[2:0]) + 4'(h1_q.pay_blocks[2:0]) > 4'(WAYS - 1);
      h2_q.total   <= 30'(h1_q.aad_blocks) + 30'(h1_q.pay_blocks) + 30'd1;
    end
    if (!rst_ni) begin
      h1_valid_q <= 1'b0;
      h2_valid_q <= 1'b0;
    end
  end

  // -------------------------------------------------------------- sequencer
  // Writes what is to be done for each block, ahead of its data; every question about a counter is answered a cycle before.
  typedef enum logic [1:0] {
    HASH,      // IV, AAD and the IV's length: GHASH only
    CRYPT,     // payload
    LENGTH,    // length block and E(J0)
    FIND_H     // E(0), for a key being loaded
  } kind_e;
  typedef struct packed {
    kind_e         kind;
    logic          takes;      // a block of the input; for LENGTH it is the expected tag
    logic          lengths;    // its own data is the two lengths below
    logic          closing;    // if aborted here, a closing block is due
    logic          decrypt;
    logic          last;       // last payload block
    logic [4:0]    bytes;
    logic [4:0]    tag_len;
    logic [1:0]    id;         // of the request, to tell it from its neighbours
    logic [IW-1:0] slot;
    key_size_e     size;
    ghash_ctl_t    ghash;
    logic [31:0]   len_a, len_b;
    logic [127:0]  block;      // to the AES pipe
  } op_t;

  typedef enum logic [2:0] {IDLE, IV, IV_LEN, IV_WAIT, AAD, PAY, LEN} state_e;
  state_e        state_q;
  /* verilator lint_off UNUSEDSIGNAL */
  head_t         cur_q;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [1:0]    id_q;
  logic [95:0]   iv_q;
  logic [31:0]   ctr0_q, ctr_q;              // of J0; next
  logic [28:0]   sect_q;                     // blocks left in this section
  logic          sect_last_q;                // one
  logic [29:0]   left_q;                     // blocks left in this GHASH string
  logic          far_q;                      // more than WAYS
  logic          young_q;                    // the string's first WAYS blocks are not all sent
  logic [2:0]    way_q;

  logic          op_valid_q, issue, aborting, recover_q, advance, planning;
  logic [1:0]    bad_id_q;
  op_t           op_d, op_q;
  logic          j0_valid;
  logic [127:0]  j0;
  assign planning = state_q != IDLE && state_q != IV_WAIT;
  assign advance  = planning && (!op_valid_q || issue) && !recover_q;
  assign h2_take  = h2_valid_q && !recover_q && (state_q == IDLE || (advance && state_q == LEN));

  always_ff @(posedge clk_i) begin
    if (advance) begin
      sect_q      <= sect_q - 29'd1;
      sect_last_q <= sect_q == 29'd2;
      left_q      <= left_q - 30'd1;
      far_q       <= left_q > 30'(WAYS + 1);
      way_q       <= way_q == 3'(WAYS - 1) ? 3'd0 : way_q + 3'd1;
      if (way_q == 3'(WAYS - 1)) young_q <= 1'b0;
      if (state_q == PAY) ctr_q <= ctr_q + 32'd1;  // inc_32
      unique case (state_q)
        IV: if (sect_last_q) state_q <= IV_LEN;
        IV_LEN: state_q <= IV_WAIT;
        AAD:
        if (sect_last_q) begin
          state_q     <= cur_q.has_pay ? PAY : LEN;
          sect_q      <= cur_q.pay_blocks;
          sect_last_q <= cur_q.pay_one;
        end
        PAY: if (sect_last_q) state_q <= LEN;
        LEN: state_q <= IDLE;
        default: ;
      endcase
    end
    if (state_q == IV_WAIT && j0_valid) begin
      iv_q        <= j0[95:0];
      ctr0_q      <= swap32(j0[127:96]);
      ctr_q       <= swap32(j0[127:96]) + 32'd1;
      state_q     <= cur_q.has_aad ? AAD : cur_q.has_pay ? PAY : LEN;
      sect_q      <= cur_q.has_aad ? cur_q.aad_blocks : cur_q.pay_blocks;
      sect_last_q <= cur_q.has_aad ? cur_q.aad_one : cur_q.pay_one;
      left_q      <= cur_q.total;
      far_q       <= cur_q.all_far;
      way_q       <= '0;
      young_q     <= 1'b1;
    end
    if (h2_take) begin
      cur_q   <= h2_q;
      id_q    <= id_q + 2'd1;
      iv_q    <= h2_q.iv;
      ctr0_q  <= 32'd1;
      ctr_q   <= 32'd2;
      way_q   <= '0;
      young_q <= 1'b1;
      if (h2_q.long_iv) begin
        state_q     <= IV;
        sect_q      <= 29'(h2_q.iv_blocks);
        sect_last_q <= h2_q.iv_one;
        left_q      <= 30'(h2_q.iv_blocks) + 30'd1;
        far_q       <= h2_q.iv_far;
      end else begin
        state_q     <= h2_q.has_aad ? AAD : h2_q.has_pay ? PAY : LEN;
        sect_q      <= h2_q.has_aad ? h2_q.aad_blocks : h2_q.pay_blocks;
        sect_last_q <= h2_q.has_aad ? h2_q.aad_one : h2_q.pay_one;
        left_q      <= h2_q.total;
        far_q       <= h2_q.all_far;
      end
    end
    // The cycle after an abort: what was planned for that request is forgotten.
    if (recover_q && id_q == bad_id_q) state_q <= IDLE;
    if (!rst_ni) begin
      state_q <= IDLE;
      id_q    <= '0;
    end
  end

  logic [4:0] sect_bytes;
  always_comb begin
    unique case (state_q)
      IV: sect_bytes = {1'b0, cur_q.iv_len[3:0]};
      AAD: sect_bytes = {1'b0, cur_q.aad_len[3:0]};
      default: sect_bytes = {1'b0, cur_q.pay_len[3:0]};
    endcase
    if (!sect_last_q || sect_bytes == '0) sect_bytes = 5'd16;

    op_d                 = '0;
    op_d.kind            = state_q == PAY ? CRYPT : state_q == LEN ? LENGTH : HASH;
    op_d.takes           = state_q == IV || state_q == AAD || state_q == PAY || cur_q.decrypt;
    op_d.lengths         = state_q == IV_LEN || state_q == LEN;
    op_d.closing         = state_q != LEN && cur_q.has_pay;
    op_d.decrypt         = cur_q.decrypt;
    op_d.last            = state_q == PAY && sect_last_q;
    op_d.bytes           = sect_bytes;
    op_d.tag_len         = cur_q.tag_len;
    op_d.id              = id_q;
    op_d.slot            = cur_q.slot;
    op_d.size            = cur_q.size;
    op_d.ghash.used_as   = (state_q == IV || state_q == IV_LEN) ? USE_J0 : USE_TAG;
    op_d.ghash.chain     = !young_q;
    op_d.ghash.way       = way_q;
    op_d.ghash.power     = far_q ? 3'(WAYS) : left_q[2:0];
    op_d.ghash.tail      = !far_q;
    op_d.ghash.sum_start = (!far_q && left_q[2:0] == 3'(WAYS)) || (young_q && way_q == '0);
    op_d.ghash.last      = !far_q && left_q[2:0] == 3'd1;
    op_d.len_a           = cur_q.aad_len;
    op_d.len_b           = cur_q.pay_len;
    op_d.block           = {swap32(state_q == PAY ? ctr_q : ctr0_q), iv_q};
    if (state_q == IV_LEN) begin
      op_d.takes = 1'b0;
      op_d.len_a = '0;
      op_d.len_b = 32'(cur_q.iv_len);
    end
    if (op_d.lengths) op_d.bytes = 5'd16;
  end
  always_ff @(posedge clk_i) begin
    if (!op_valid_q || issue) begin
      op_valid_q <= advance;
      op_q       <= op_d;
    end
    recover_q <= aborting;
    bad_id_q  <= op_q.id;
    if (recover_q && op_q.id == bad_id_q) op_valid_q <= 1'b0;
    if (!rst_ni) begin
      op_valid_q <= 1'b0;
      recover_q  <= 1'b0;
    end
  end

  // ------------------------------------------------------------------ issue
  // A planned block meets its data. `go_q` is worked out a cycle before; the margins of the credits cover that.
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

  logic          go_q, inject, inject_want, inject_mul;
  poly_t         inject_h;
  logic [IW-1:0] key_slot;
  key_size_e     key_size;
  logic          credit;
  logic [7:0]    out_cnt_q, res_cnt_q;
  assign credit     = out_cnt_q < 8'(OUT_DEPTH - 4) && res_cnt_q < 8'(RES_DEPTH - 4);
  assign issue      = op_valid_q && go_q && (in_valid_i || !op_q.takes);
  assign in_ready_o = op_valid_q && go_q && op_q.takes;
  assign aborting   = in_ready_o && in_valid_i && in_i.abort;
  always_ff @(posedge clk_i) begin
    inject <= rst_ni && inject_want && !inject;
    go_q   <= rst_ni && credit && !(inject_want && !inject) && !aborting;
  end

  flow_t        i_d, i_q;
  logic         i_valid_q;
  logic [127:0] i_block_q;
  key_size_e    i_size_q;
  always_comb begin
    i_d         = '0;
    i_d.kind    = op_q.kind;
    i_d.hashed  = 1'b1;
    i_d.decrypt = op_q.decrypt;
    i_d.last    = op_q.last;
    i_d.bytes   = op_q.bytes;
    i_d.slot    = op_q.slot;
    i_d.ghash   = op_q.ghash;
    i_d.data    = op_q.lengths ? {swap64({29'd0, op_q.len_b, 3'd0}), swap64({29'd0, op_q.len_a, 3'd0})} : in_i.data;
    if (aborting) begin
      // Ends the string at once; its hash is of no use but frees what waits for it.
      i_d.kind            = LENGTH;
      i_d.closing         = op_q.closing;
      i_d.last            = 1'b0;
      i_d.ghash.used_as   = USE_TAG;
      i_d.ghash.power     = 3'd1;
      i_d.ghash.chain     = 1'b0;
      i_d.ghash.tail      = 1'b1;
      i_d.ghash.sum_start = 1'b1;
      i_d.ghash.last      = 1'b1;
    end
    if (inject) begin
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
  end

  always_ff @(posedge clk_i) begin
    i_valid_q <= rst_ni && (issue || inject);
    i_q       <= i_d;
    i_size_q  <= inject ? key_size : op_q.size;
    i_block_q <= inject ? '0 : op_q.block;
  end

  // --------------------------------------------------------------- AES pipe
  logic          rk_write, rk_all;
  logic [3:0]    rk_ram;
  logic [127:0]  rk, stream;
  aes_pipe #(.SLOTS(SLOTS), .SBOX(SBOX)) u_aes (
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

  // Beside it, everything else about the block, in a RAM written and read round and round.
  (* no_rw_check *) logic [$bits(flow_t)-1:0] delay[64];
  logic [5:0]             now_q;
  logic [AES_LATENCY-1:0] valid_q;   // bit t: a block issued t + 1 cycles before
  flow_t                  read_q, x_q;
  always_ff @(posedge clk_i) begin
    now_q        <= rst_ni ? now_q + 6'd1 : '0;
    delay[now_q] <= i_q;
    read_q       <= delay[now_q-6'(AES_LATENCY-2)];
    x_q          <= read_q;
    valid_q      <= rst_ni ? {valid_q[AES_LATENCY-2:0], i_valid_q} : '0;
  end
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
  want_t        w_q;
  /* verilator lint_on UNUSEDSIGNAL */
  logic         y_valid_q, z_hash_q, z_out_q;
  logic [127:0] y_plain_q, y_cipher_q, y_stream_q, y_mask_q;
  poly_t        z_block_q;
  ghash_ctl_t   z_ctl_q;
  logic [IW-1:0] z_slot_q;
  gcm_out_t     z_q;
  always_ff @(posedge clk_i) begin
    y_valid_q  <= rst_ni && x_valid;
    y_q        <= x_q;
    y_stream_q <= stream;
    y_plain_q  <= x_q.data ^ stream;
    y_cipher_q <= (x_q.kind == CRYPT && !x_q.decrypt) ? x_q.data ^ stream : x_q.data;
    y_mask_q   <= mask(x_q.bytes);

    z_hash_q   <= rst_ni && y_valid_q && y_q.hashed;
    z_ctl_q    <= y_q.ghash;
    z_slot_q   <= y_q.slot;
    z_block_q  <= to_poly(y_cipher_q & y_mask_q);
    z_out_q    <= rst_ni && y_valid_q && (y_q.kind == CRYPT || y_q.closing);
    z_q.last   <= y_q.last || y_q.closing;
    z_q.bytes  <= y_q.closing ? '0 : y_q.bytes;
    z_q.data   <= y_q.closing ? '0 : y_plain_q & y_mask_q;
  end
  logic out_pop, res_pop;
  assign out_pop = out_valid_o && out_ready_i;
  assign res_pop = res_valid_o && res_ready_i;
  gcm_fifo #(.WIDTH($bits(gcm_out_t)), .DEPTH(OUT_DEPTH)) u_out (
    .clk_i, .rst_ni,
    .in_valid_i(z_out_q), .in_i(z_q),
    .out_valid_o, .out_ready_i, .out_o(out_o)
  );

  // ------------------------------------------------------------------ GHASH
  logic       pow_write, hash_done;
  logic [2:0] pow_index;
  poly_t      pow_h, hash;
  ghash_use_e hash_use;
  ghash #(.SLOTS(SLOTS)) u_ghash (
    .clk_i, .rst_ni,
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
  logic         want_push, want_some, ej0_some, tag_now, t_valid_q, u_valid_q;
  logic [127:0] ej0, t_q;
  gcm_res_t     u_q;
  assign want_d.aborted  = aborting;
  assign want_d.decrypt  = op_q.decrypt;
  assign want_d.tag_len  = op_q.tag_len;
  assign want_d.expected = in_i.data;
  assign want_push = issue && (op_q.kind == LENGTH || aborting);
  assign tag_now   = hash_done && hash_use == USE_TAG;
  gcm_fifo #(.WIDTH($bits(want_t)), .DEPTH(RES_DEPTH)) u_want (
    .clk_i, .rst_ni,
    .in_valid_i(want_push), .in_i(want_d),
    .out_valid_o(want_some), .out_ready_i(tag_now), .out_o(want)
  );
  gcm_fifo #(.WIDTH(128), .DEPTH(16)) u_ej0 (
    .clk_i, .rst_ni,
    .in_valid_i(y_valid_q && y_q.kind == LENGTH), .in_i(y_stream_q),
    .out_valid_o(ej0_some), .out_ready_i(tag_now), .out_o(ej0)
  );
  always_ff @(posedge clk_i) begin
    t_valid_q   <= rst_ni && tag_now;
    t_q         <= (to_poly(hash) ^ ej0) & mask(want.tag_len);
    w_q         <= want;
    w_q.expected <= want.expected & mask(want.tag_len);
    u_valid_q   <= rst_ni && t_valid_q;
    u_q.aborted <= w_q.aborted;
    u_q.tag_ok  <= !w_q.aborted && (!w_q.decrypt || t_q == w_q.expected);
    u_q.tag     <= (w_q.aborted || w_q.decrypt) ? '0 : t_q;
  end
  gcm_fifo #(.WIDTH($bits(gcm_res_t)), .DEPTH(RES_DEPTH)) u_res (
    .clk_i, .rst_ni,
    .in_valid_i(u_valid_q), .in_i(u_q),
    .out_valid_o(res_valid_o), .out_ready_i(res_ready_i), .out_o(res_o)
  );

  // ---------------------------------------------------------------- credits
  logic out_add;
  assign out_add = issue && (aborting ? op_q.closing : op_q.kind == CRYPT);
  always_ff @(posedge clk_i) begin
    out_cnt_q <= out_cnt_q + 8'(out_add) - 8'(out_pop);
    res_cnt_q <= res_cnt_q + 8'(want_push) - 8'(res_pop);
    if (!rst_ni) begin
      out_cnt_q <= '0;
      res_cnt_q <= '0;
    end
  end
  assign busy_o      = state_q != IDLE || op_valid_q || res_cnt_q != '0;
  assign stall_in_o  = in_ready_o && !in_valid_i;
  assign stall_out_o = op_valid_q && !go_q && !inject;

  // ------------------------------------------------------------------- keys
  gcm_keys #(.SLOTS(SLOTS), .SBOX(SBOX)) u_keys (
    .clk_i, .rst_ni,
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
    if (rst_ni && tag_now) assert (want_some && ej0_some);
  end
`endif
endmodule
