// SPDX-License-Identifier: Apache-2.0
//
// Serves the key operations of abi/README.md, one at a time, in the order in which the guard hands them over: they wait in a FIFO, so
// that a long one stalls no request to a lane. At its turn each is decided by key_guard, from its slots as they are then; only this
// unit changes them.
//
// An operation is a row of steps, of which it skips those that it does not need:
//   LOOK      public halves of slot and second slot; the decision
//   READ      its buffer from memory: to side_q, what follows the salt to the info memory
//   RANDOM    blocks from the generator
//   KEYS      material of the slots, to base and made_q
//   WORK      key_mac or key_wrap
//   WRITE     side_q to memory
//   PUT       the slot, and the lanes' copies of it; before a KEY_WRAP the wrapping key's count
//   FINISH    everything is zero before the completion is offered
//
// Wipe: from wipe_i on an operation, at its turn or in the middle, ends with ZEROIZED; wiped_o says that nothing is left of any key,
// nor of what was made of one.
//
// Material is in base, made_q and the engines; its ways out are the lanes' key port, and, only as what key_wrap made of it, side_q. What
// WRITE sends is side_q: a wrapped key, a MAC, random bytes, a nonce, public attributes.
module key_unit
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
  import key_pkg::*;
  import slots_pkg::*;
  import key_mac_pkg::*;
  import wrap_pkg::*;
#(
  parameter  int unsigned DW     = 256,
  parameter  int unsigned SLOTS  = 64,
  parameter  int unsigned QUEUES = 8,
  parameter  int unsigned LANES  = 1,
  parameter  int unsigned DEPTH  = 64,          // operations that wait
  parameter  sbox_e       SBOX   = SBOX_TABLE,
  parameter  bit          CLOCK_GATES = 1'b0,   // see clock_gate
  localparam int unsigned BYTES  = DW / 8,
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  wipe_i,        // zeroize: stays until reset
  output logic                  wiped_o,
  // Self-tests of the engines: HMAC, key wrap. Started by a signal that stays; never started, they are not waited for.
  input  logic                  test_start_i,
  output logic [1:0]            test_done_o,
  output logic [1:0]            test_ok_o,
  input  logic                  test_fault_i,
  // From the guard: operations, and its look at the slots.
  input  logic                  req_valid_i,
  output logic                  req_ready_o,
  input  key_req_t              req_i,
  input  logic [15:0]           look_slot_i,
  output slot_meta_t            look_meta_o,
  output logic [31:0]           look_used_o,
  input  logic                  look_busy_i,
  input  logic                  count_i,
  // Device.
  input  logic [QUEUES-1:0]     resetting_i,
  input  logic                  sealed_i,
  input  logic [511:0]          window_i,
  input  logic [15:0]           window_words_i,
  output logic                  window_clear_o,
  input  logic [255:0]          root_i,
  // Random blocks: a request for so many; all of them are taken.
  output logic                  rnd_ask_o,
  input  logic                  rnd_ready_i,
  output logic [7:0]            rnd_blocks_o,
  input  logic                  rnd_valid_i,
  output logic                  rnd_take_o,
  input  logic [255:0]          rnd_i,
  input  logic                  rnd_error_i,   // final
  // Lanes: requests given and answered; their copies of keys.
  input  logic [LANES-1:0]      lane_given_i,
  input  logic [LANES-1:0]      lane_answered_i,
  output logic [LANES-1:0]      key_valid_o,
  input  logic [LANES-1:0]      key_ready_i,
  output logic                  key_clear_o,
  output logic [SLOT_IDX_W-1:0] key_slot_o,
  output key_size_e             key_size_o,
  output logic [255:0]          key_o,
  input  logic [LANES-1:0]      key_done_i,
  // Memory.
  output logic                  ar_valid_o,
  input  logic                  ar_ready_i,
  output axi_ar_t               ar_o,
  input  logic                  r_valid_i,
  input  logic [DW-1:0]         r_data_i,
  input  logic                  r_err_i,
  input  logic                  r_last_i,
  output logic                  aw_valid_o,
  input  logic                  aw_ready_i,
  output axi_aw_t               aw_o,
  output logic                  w_valid_o,
  input  logic                  w_ready_i,
  output logic [DW-1:0]         w_data_o,
  output logic [BYTES-1:0]      w_strb_o,
  input  logic                  b_valid_i,
  input  logic                  b_err_i,
  output logic                  cpl_valid_o,
  input  logic                  cpl_ready_i,
  output cpl_t                  cpl_o
);
  localparam logic [7:0] BATCH = 8'd16;  // random blocks a request: the generator's update after each costs two blocks' time

  typedef enum logic [4:0] {
    IDLE, LOOK, LOOK_BASE, HOLD, CHECK, DECIDE, READ, ALIGN, ASK_RANDOM, RANDOM, KEYS, KEYS_BASE, WORK, WRITE, PUT, FINISH, DONE
  } state_e;
  state_e   state_q, state_d;
  logic     begin_q;               // first cycle of a state
  key_req_t req;
  logic     req_valid, req_pop;

  // All but the slots stands still while no operation waits: from some cycles after the last, when the engines have come to rest.
  logic       clk, work;
  logic [3:0] rest_q;
  assign work = !rst_ni || wipe_i || (test_start_i && test_done_o != '1) || req_valid_i || req_valid || state_q != IDLE;
  clock_gate #(.ON(CLOCK_GATES)) u_clock (.clk_i, .on_i(work || rest_q != '0), .clk_o(clk));
  always_ff @(posedge clk) rest_q <= work ? '1 : rest_q - 4'(rest_q != '0);

  fifo #(.WIDTH($bits(key_req_t)), .DEPTH(DEPTH)) u_wait (
    .clk_i(clk), .rst_ni,
    .in_valid_i(req_valid_i), .in_ready_o(req_ready_o), .in_i(req_i),
    .out_valid_o(req_valid), .out_ready_i(req_pop), .out_o(req)
  );
  assign req_pop = cpl_valid_o && cpl_ready_i;

  submission_t sub;
  /* verilator lint_off UNUSEDSIGNAL */  // some of it is for the checks
  op_t         op;
  /* verilator lint_on UNUSEDSIGNAL */
  logic        officer, resetting_q, is_mac, is_verify, is_derive, is_wrap, is_out, is_random, is_message, is_root, is_load, counts;
  assign sub        = req.sub;
  assign op         = op_of(sub);
  assign officer    = req.queue_idx == '0;
  assign is_verify  = sub.opcode == OPCODE_MAC_VERIFY;
  assign is_mac     = is_verify || sub.opcode == OPCODE_MAC_SIGN;
  assign is_message = sub.opcode == OPCODE_KEY_MESSAGE;
  assign is_derive  = sub.opcode inside {OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF, OPCODE_KEY_ROOT, OPCODE_KEY_MESSAGE};
  assign is_wrap    = sub.opcode inside {OPCODE_KEY_WRAP, OPCODE_KEY_UNWRAP, OPCODE_KWP_WRAP, OPCODE_KWP_UNWRAP};
  assign is_out     = sub.opcode inside {OPCODE_KEY_WRAP, OPCODE_KWP_WRAP};
  assign is_random  = sub.opcode == OPCODE_RANDOM;
  assign is_root    = sub.opcode == OPCODE_KEY_ROOT;
  assign is_load    = sub.opcode == OPCODE_KEY_LOAD;
  assign counts     = sub.opcode == OPCODE_KEY_WRAP;

  // ------------------------------------------------------------- decision
  slot_meta_t  read_meta, meta_q, base_q, made, made_meta_q;
  logic [31:0] read_used, used_q, base_used_q;
  status_e     verdict, verdict_q, verdict_d, status_q, status_d;
  key_guard #(.SLOTS(SLOTS)) u_guard (
    .sub_i(sub), .officer_i(officer), .domain_i(req.domain), .sealed_i, .window_i(window_words_i),
    .meta_i(meta_q), .base_i(base_q), .base_used_i(base_used_q), .status_o(verdict), .made_o(made)
  );

  always_comb begin
    verdict_d = verdict_q;
    if (req.status != STATUS_OK) verdict_d = req.status;
    if (resetting_q) verdict_d = STATUS_ABORTED;
    if (wipe_i) verdict_d = STATUS_ZEROIZED;
  end
  // The officer's load uses the window up, whatever becomes of it.
  assign window_clear_o = state_q == DECIDE && is_load && officer && !resetting_q;

  // ---------------------------------------------------------------- slots
  logic [511:0]   base, made_q;
  logic           put_done, fetch, forget, slots_wiped;
  slot_op_e       put_op;
  logic [15:0]    read_slot;
  assign put_op    = counts ? SLOT_COUNT : op.fills ? SLOT_FILL : sub.opcode == OPCODE_KEY_LOCK ? SLOT_RIGHTS : SLOT_EMPTY;
  assign read_slot = state_q == LOOK_BASE || state_q == KEYS_BASE || (state_q == KEYS && !is_out && !is_mac)
                   ? sub.aad2[15:0] : sub.slot;
  assign fetch     = state_q == KEYS || state_q == KEYS_BASE;
  assign forget    = state_q == FINISH;
  slots #(.SLOTS(SLOTS), .LANES(LANES)) u_slots (
    .clk_i, .rst_ni, .wipe_i, .wiped_o(slots_wiped),
    .look_slot_i, .look_meta_o, .look_used_o, .look_busy_i, .count_i,
    .read_slot_i(read_slot), .read_meta_o(read_meta), .read_used_o(read_used),
    .fetch_i(fetch), .forget_i(forget), .material_o(base),
    .put_valid_i(state_q == PUT), .put_op_i(put_op), .put_slot_i(counts ? sub.aad2[15:0] : sub.slot), .put_meta_i(made_meta_q),
    .put_used_i(counts ? base_used_q + 32'd1 : used_q),
    .put_key_i(made_q), .done_o(put_done),
    .lane_given_i, .lane_answered_i, .key_valid_o, .key_ready_i, .key_clear_o, .key_slot_o, .key_size_o, .key_o, .key_done_i
  );

  // A wipe: its first cycle; then the memories here are swept, and the wrapping engine sweeps its own.
  logic       wipe_now, wiping_q;
  logic [4:0] sweep_q;
  logic [6:0] settle_q;
  assign wipe_now = wipe_i && !wiping_q;

  // --------------------------------------------------------------- memory
  logic [1023:0] side_q;             // moves by bytes: in at the top, out at the bottom
  logic [8:0]    count_q;            // bytes that have come
  logic [7:0]    moved_q, feed_q;    // bytes that went into side_q; still to go out
  logic          started_q, tag_bad_q;
  logic [51:0]   page_q;
  logic          rd_start, rd_idle, rd_err, rd_valid, rd_ready, rd_last, stop;
  logic          wr_start, wr_idle, wr_err, wr_valid, wr_ready;
  logic [63:0]   rd_data, rd_addr;
  logic [31:0]   rd_bytes, wr_bytes;
  logic [3:0]    rd_count;
  logic [51:0]   rd_page, wr_page;
  logic          rd_tag;             // the MAC to compare with
  assign rd_tag   = is_verify && state_q == READ;
  assign rd_addr  = rd_tag ? {sub.dst_hi, sub.dst_lo} : {sub.src_hi, sub.src_lo};
  assign rd_bytes = rd_tag ? 32'(sub.aad3[6:0]) : sub.pay_len;
  assign wr_bytes = is_mac ? 32'(sub.aad3[6:0]) : sub.pay_len;
  key_read #(.DW(DW)) u_read (
    .clk_i(clk), .rst_ni, .wipe_i,
    .start_i(rd_start), .addr_i(rd_addr), .bytes_i(rd_bytes), .single_i(state_q == READ), .stop_i(stop),
    .idle_o(rd_idle), .err_o(rd_err), .page_o(rd_page),
    .out_valid_o(rd_valid), .out_ready_i(rd_ready), .out_data_o(rd_data), .out_bytes_o(rd_count), .out_last_o(rd_last),
    .ar_valid_o, .ar_ready_i, .ar_o, .r_valid_i, .r_data_i, .r_err_i, .r_last_i
  );
  key_write #(.DW(DW)) u_write (
    .clk_i(clk), .rst_ni, .wipe_i,
    .start_i(wr_start), .addr_i({sub.dst_hi, sub.dst_lo}), .bytes_i(wr_bytes), .stop_i(stop),
    .idle_o(wr_idle), .err_o(wr_err), .page_o(wr_page),
    .in_valid_i(wr_valid), .in_ready_o(wr_ready), .in_i(side_q[7:0]),
    .aw_valid_o, .aw_ready_i, .aw_o, .w_valid_o, .w_ready_i, .w_data_o, .w_strb_o, .b_valid_i, .b_err_i
  );

  // HKDF's info and KBKDF's data.
  logic [7:0][7:0] info[32];
  logic [4:0]      info_at;
  logic [8:0]      salt_len, info_len;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [8:0]      info_byte;
  /* verilator lint_on UNUSEDSIGNAL */
  logic            to_info;
  assign salt_len  = sub.opcode == OPCODE_KEY_HKDF ? sub.aad3[8:0] : '0;
  assign info_byte = count_q - salt_len;
  assign info_len  = sub.pay_len[8:0] - salt_len;
  assign to_info   = sub.opcode inside {OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF} && count_q >= salt_len;

  // -------------------------------------------------------------- engines
  logic         mac_start, mac_ready, mac_prk, mac_first, mac_second, mac_done, mac_ok;
  logic [511:0] mac;
  mac_job_t     job;
  always_comb begin
    job          = '0;
    job.alg      = sha2_pkg::alg_e'(sub.aad3[17:16] - 2'd1);
    job.empty    = sub.pay_len == '0;
    job.base_len = is_mac ? meta_q.key_len : base_q.key_len;
    job.salt_len = salt_len[6:0];
    job.info_len = info_len;
    job.out_len  = is_mac ? sub.aad3[6:0] : made_meta_q.key_len;
    unique case (sub.opcode)
      OPCODE_MAC_VERIFY:  job.kind = MAC_VERIFY;
      OPCODE_KEY_HKDF:    job.kind = MAC_HKDF;
      OPCODE_KEY_KBKDF:   job.kind = MAC_KBKDF;
      OPCODE_KEY_MESSAGE: job.kind = MAC_MESSAGE;
      OPCODE_KEY_ROOT:    job.kind = MAC_ROOT;
      default:            job.kind = MAC_SIGN;
    endcase
    if (is_message || is_root) job.alg = sha2_pkg::SHA_256;
  end
  key_mac u_mac (
    .clk_i(clk), .rst_ni,
    .start_i(mac_start), .stop_i(stop), .job_i(job),
    .base_i(base), .root_i, .side_i(side_q[511:0]), .made_i(made_q),
    .info_at_o(info_at), .info_i(info[info_at]),
    .in_valid_i(rd_valid), .in_ready_o(mac_ready), .in_data_i(rd_data), .in_bytes_i(rd_count), .in_last_i(rd_last),
    .prk_o(mac_prk), .first_o(mac_first), .second_o(mac_second), .mac_o(mac), .done_o(mac_done), .ok_o(mac_ok),
    .test_start_i, .test_done_o(test_done_o[0]), .test_ok_o(test_ok_o[0]), .test_fault_i
  );

  key_attributes_t attributes, blob;
  assign attributes = attributes_of(meta_q, used_q);
  assign blob       = side_q[255:0];

  logic         wrap_valid, wrap_ready, wrap_done, wrap_ok, wrap_clean, asked_q;
  wrap_op_e     wrap_op;
  logic [6:0]   wrap_len, wrapped_len;
  logic [575:0] wrap_in, wrapped;
  logic [127:0] wrap_tag;
  always_comb begin
    wrap_op  = WRAP_GCM_SEAL;
    wrap_len = 7'd64;
    wrap_in  = 576'(made_q);
    unique case (sub.opcode)
      OPCODE_KEY_UNWRAP: begin
        wrap_op = WRAP_GCM_OPEN;
        wrap_in = 576'(side_q[1023:512]);
      end
      OPCODE_KWP_WRAP: begin
        wrap_op  = WRAP_KWP_WRAP;
        wrap_len = meta_q.key_len;
      end
      OPCODE_KWP_UNWRAP: begin
        wrap_op  = WRAP_KWP_UNWRAP;
        wrap_len = sub.pay_len[6:0];
        wrap_in  = side_q[575:0];
      end
      default: ;
    endcase
  end
  assign wrap_valid = state_q == WORK && is_wrap && !asked_q;
  logic         testing, t_valid, t_ack, engine_ready, engine_done;
  wrap_op_e     t_op;
  key_size_e    t_size;
  logic [255:0] t_key;
  logic [95:0]  t_iv;
  logic [6:0]   t_aad_len, t_len;
  logic [511:0] t_aad;
  logic [575:0] t_payload;
  logic [127:0] t_tag;
  assign testing    = test_start_i && !test_done_o[1];
  assign wrap_ready = engine_ready && !testing;
  assign wrap_done  = engine_done && !testing;
  wrap_selftest u_wrap_test (
    .clk_i(clk), .rst_ni,
    .start_i(test_start_i), .done_o(test_done_o[1]), .ok_o(test_ok_o[1]), .fault_i(test_fault_i),
    .valid_o(t_valid), .ready_i(engine_ready), .op_o(t_op), .key_size_o(t_size), .key_o(t_key), .iv_o(t_iv),
    .aad_len_o(t_aad_len), .aad_o(t_aad), .payload_len_o(t_len), .payload_o(t_payload), .tag_o(t_tag),
    .done_i(engine_done), .ack_o(t_ack), .ok_i(wrap_ok), .payload_len_i(wrapped_len), .payload_i(wrapped), .tag_i(wrap_tag)
  );
  key_wrap #(.SBOX(SBOX)) u_wrap (
    .clk_i(clk), .rst_ni, .clear_i((stop && is_wrap && status_q == STATUS_ABORTED) || wipe_now), .clean_o(wrap_clean),
    .valid_i(testing ? t_valid : wrap_valid), .ready_o(engine_ready), .op_i(testing ? t_op : wrap_op),
    .key_size_i(testing ? t_size : KEY_256), .key_i(testing ? t_key : base[255:0]),
    .iv_i(testing ? t_iv : side_q[256+:96]), .aad_len_i(testing ? t_aad_len : 7'd32),
    .aad_i(testing ? t_aad : 512'(side_q[255:0])), .payload_len_i(testing ? t_len : wrap_len),
    .payload_i(testing ? t_payload : wrap_in), .tag_i(testing ? t_tag : side_q[384+:128]),
    .done_o(engine_done), .ack_i(testing ? t_ack : engine_done), .ok_o(wrap_ok), .payload_len_o(wrapped_len), .payload_o(wrapped),
    .tag_o(wrap_tag)
  );
  // One verdict on a blob, whatever is wrong with it.
  logic blob_ok;
  assign blob_ok = wrap_ok && (sub.opcode == OPCODE_KEY_UNWRAP
                 ? blob_fits(blob, req.domain) && side_q[352+:32] == '0 : wrapped_len == made_meta_q.key_len);

  // --------------------------------------------------------------- random
  logic [16:0] random_left_q;         // bytes of RANDOM that are not fed yet
  logic [7:0]  blocks_q, blocks;      // of a request, still to come; to ask for
  logic [11:0] blocks_left;
  logic        rnd_got;
  assign blocks_left  = 12'((random_left_q + 17'd31) >> 5);
  assign blocks       = is_random ? (blocks_left > 12'(BATCH) ? BATCH : blocks_left[7:0])
                      : sub.opcode == OPCODE_KEY_GENERATE && made_meta_q.key_len > 7'd32 ? 8'd2 : 8'd1;
  assign rnd_ask_o    = state_q == ASK_RANDOM && !resetting_q;
  assign rnd_blocks_o = blocks;
  // What is left of a request that is given up is taken and dropped.
  assign rnd_take_o   = blocks_q != '0 && (state_q == RANDOM || state_q == FINISH);
  assign rnd_got      = rnd_valid_i && rnd_take_o;

  // -------------------------------------------------------------- control
  logic out_end;      // the writer has ended
  assign rd_start  = begin_q && (state_q == READ || (state_q == WORK && is_mac && !job.empty));
  assign rd_ready  = state_q == READ || (state_q == WORK && mac_ready);
  assign mac_start = begin_q && state_q == WORK && !is_wrap;
  assign wr_start  = begin_q && state_q == WRITE && !started_q;
  assign wr_valid  = state_q == WRITE && !begin_q && feed_q != '0;
  assign out_end   = state_q == WRITE && !begin_q && wr_idle;
  assign stop      = begin_q && state_q == FINISH;

  function automatic state_e work_of(logic wrap, logic m, logic derive, logic root);
    return root ? WORK : wrap || m || derive ? KEYS : PUT;
  endfunction
  state_e after_read;
  assign after_read = op.random ? ASK_RANDOM : work_of(is_wrap, is_mac, is_derive, is_root);
  always_comb begin
    state_d  = state_q;
    status_d = status_q;
    unique case (state_q)
      IDLE:      if (req_valid) state_d = LOOK;
      LOOK:      state_d = LOOK_BASE;
      LOOK_BASE: state_d = HOLD;
      HOLD:      state_d = CHECK;
      CHECK:     state_d = DECIDE;
      DECIDE: begin
        status_d = verdict_d;
        if (verdict_d != STATUS_OK) state_d = FINISH;
        else if (is_verify || (op.reads && !is_mac && sub.pay_len != '0)) state_d = READ;
        else if (sub.opcode == OPCODE_KEY_QUERY) state_d = WRITE;
        else if (counts) state_d = PUT;
        else state_d = after_read;
      end
      READ:
      if (rd_idle && !begin_q) begin
        state_d = ALIGN;
        if (rd_err && !is_verify) begin
          status_d = STATUS_DMA_SRC;
          state_d  = FINISH;
        end
      end
      ALIGN: if (moved_q == '0 || moved_q == 8'd128) state_d = after_read;
      ASK_RANDOM: if (rnd_ask_o && rnd_ready_i) state_d = RANDOM;
      RANDOM: if (rnd_got) state_d = is_random ? WRITE : blocks_q != 8'd1 ? RANDOM : work_of(is_wrap, is_mac, is_derive, is_root);
      KEYS: state_d = is_out ? KEYS_BASE : WORK;
      KEYS_BASE: state_d = WORK;
      WORK:
      if (is_wrap) begin
        if (wrap_done) begin
          state_d = is_out ? WRITE : blob_ok ? PUT : FINISH;
          if (!is_out && !blob_ok) status_d = STATUS_BAD_BLOB;
        end
      end else if (is_mac && !job.empty && !begin_q && rd_idle && rd_err) begin
        status_d = STATUS_DMA_SRC;
        state_d  = FINISH;
      end else if (mac_done) begin
        state_d = op.writes ? WRITE : is_verify ? FINISH : PUT;
        if (is_verify && (tag_bad_q || !mac_ok)) status_d = tag_bad_q ? STATUS_DMA_TAG : STATUS_TAG_MISMATCH;
      end
      WRITE:
      if (out_end) begin
        state_d = op.fills ? PUT : FINISH;
        if (wr_err) begin
          status_d = STATUS_DMA_DST;
          state_d  = FINISH;
        end
      end else if (!begin_q && is_random && feed_q == '0 && random_left_q != '0) state_d = blocks_q != '0 ? RANDOM : ASK_RANDOM;
      PUT: if (put_done) state_d = counts ? after_read : FINISH;
      FINISH: if (!begin_q && rd_idle && wr_idle && wrap_clean && blocks_q == '0) state_d = DONE;
      DONE: if (cpl_ready_i) state_d = IDLE;
      default: state_d = IDLE;
    endcase
    if (rnd_error_i && (state_q == ASK_RANDOM || state_q == RANDOM)) begin
      status_d = STATUS_NO_ENTROPY;
      state_d  = FINISH;
    end
    // The queue is being reset: the operation ends where it is.
    if (resetting_q && state_q inside {READ, ASK_RANDOM, RANDOM, WORK, WRITE}) begin
      status_d = STATUS_ABORTED;
      state_d  = FINISH;
    end
    if (wipe_i && state_q inside {READ, ALIGN, ASK_RANDOM, RANDOM, KEYS, KEYS_BASE, WORK, WRITE, PUT}) begin
      status_d = STATUS_ZEROIZED;
      state_d  = FINISH;
    end
  end

  assign wiped_o  = slots_wiped && settle_q == '0 && wr_idle;
  always_ff @(posedge clk) begin
    wiping_q <= rst_ni && wipe_i;
    sweep_q  <= sweep_q + 5'd1;
    settle_q <= !wipe_i ? 7'd80 : settle_q - 7'(settle_q != '0);
  end

  always_ff @(posedge clk) begin
    state_q     <= state_d;
    status_q    <= status_d;
    begin_q     <= state_d != state_q;
    resetting_q <= resetting_i[req.queue_idx[QW-1:0]];
    if (state_q == READ && rd_valid) begin
      count_q <= count_q + 9'd1;
      if (to_info) info[info_byte[7:3]][info_byte[2:0]] <= rd_data[7:0];
    end
    if (wipe_i) info[sweep_q] <= '0;
    if ((state_q == READ && rd_valid && !to_info) || (state_q == ALIGN && state_d == ALIGN) || (wr_valid && wr_ready)) begin
      side_q  <= {state_q == READ ? rd_data[7:0] : 8'd0, side_q[1023:8]};
      moved_q <= moved_q + 8'd1;
    end
    if (wr_valid && wr_ready) feed_q <= feed_q - 8'd1;
    if (state_q == ASK_RANDOM && state_d == RANDOM) blocks_q <= blocks;
    else if (rnd_error_i || wipe_i) blocks_q <= '0;
    else if (rnd_got) blocks_q <= blocks_q - 8'd1;
    if (state_q == WORK && wrap_ready) asked_q <= 1'b1;
    unique case (state_q)
      IDLE: begin
        count_q       <= '0;
        moved_q       <= '0;
        started_q     <= 1'b0;
        tag_bad_q     <= 1'b0;
        asked_q       <= 1'b0;
        page_q        <= '0;
        random_left_q <= sub.pay_len[16:0];
      end
      LOOK_BASE: begin
        meta_q <= read_meta;
        used_q <= read_used;
      end
      HOLD: begin
        base_q      <= read_meta;
        base_used_q <= read_used;
      end
      CHECK: begin
        verdict_q   <= verdict;
        made_meta_q <= made;
      end
      DECIDE: begin
        if (op.fills) used_q <= '0;
        if (is_load && verdict_d == STATUS_OK) made_q <= first(window_i, made_meta_q.key_len);
        if (is_root) side_q[23:0] <= {sub.aad1[23:16], sub.aad1[31:24], made_meta_q.domain};
        if (sub.opcode == OPCODE_KEY_QUERY) side_q[255:0] <= attributes;
      end
      READ: begin
        if (rd_idle && !begin_q && rd_err) begin
          page_q    <= rd_page;
          tag_bad_q <= 1'b1;
        end
      end
      RANDOM:
      if (rnd_got) begin
        unique case (sub.opcode)
          OPCODE_KEY_GENERATE: begin
            if (blocks_q == 8'd1 && made_meta_q.key_len > 7'd32) made_q <= first({rnd_i, made_q[255:0]}, made_meta_q.key_len);
            else made_q <= first({256'd0, rnd_i}, made_meta_q.key_len);
          end
          OPCODE_KEY_WRAP: begin
            side_q[255:0]   <= attributes;
            side_q[47:32]   <= BLOB_MARK;
            side_q[351:256] <= rnd_i[95:0];
          end
          default: side_q[255:0] <= rnd_i;
        endcase
      end
      KEYS_BASE: made_q <= base;
      WORK: begin
        if (mac_prk || (mac_first && is_mac)) side_q[511:0] <= mac;
        if (mac_first && !is_mac) made_q <= mac;
        if (mac_second) made_q <= made_q | (job.alg == sha2_pkg::SHA_256 ? mac << 256 : mac << 384);
        if (status_d == STATUS_DMA_SRC) page_q <= rd_page;
        if (wrap_done) begin
          made_q <= '0;
          unique case (sub.opcode)
            OPCODE_KEY_WRAP: {side_q[1023:512], side_q[511:384]} <= {wrapped[511:0], wrap_tag};
            OPCODE_KWP_WRAP: side_q[575:0] <= wrapped;
            default: if (blob_ok) made_q <= first(wrapped[511:0], sub.opcode == OPCODE_KEY_UNWRAP ? blob.key_len : made_meta_q.key_len);
          endcase
          if (sub.opcode == OPCODE_KEY_UNWRAP) begin
            made_meta_q.key_type   <= blob.key_type;
            // What the host has known it still knows.
            if (blob.origin inside {ORIGIN_IMPORTED[2:0], ORIGIN_FOREIGN[2:0]}) made_meta_q.origin <= blob.origin;
            made_meta_q.usage_bits <= blob.usage_bits & sub.aad0[31:16];
            made_meta_q.iv_policy  <= blob.iv_policy;
            made_meta_q.key_len    <= blob.key_len;
            made_meta_q.limit      <= blob.limit;
            made_meta_q.label      <= {blob.label2, blob.label1, blob.label0};
            used_q                 <= blob.used;
          end
        end
      end
      WRITE: begin
        if (begin_q) begin
          started_q <= 1'b1;
          feed_q    <= is_random && random_left_q > 17'd32 ? 8'd32 : is_random ? random_left_q[7:0] : wr_bytes[7:0];
          if (is_random) random_left_q <= random_left_q > 17'd32 ? random_left_q - 17'd32 : '0;
        end
        if (out_end && wr_err) page_q <= wr_page;
      end
      FINISH: begin
        made_q <= '0;
        side_q <= '0;
      end
      default: ;
    endcase
    if (!rst_ni) begin
      state_q     <= IDLE;
      resetting_q <= 1'b0;
      begin_q     <= 1'b0;
      blocks_q    <= '0;
      made_q      <= '0;
      side_q      <= '0;
    end
  end

  logic dma;
  assign dma         = status_q inside {STATUS_DMA_SRC, STATUS_DMA_DST, STATUS_DMA_TAG};
  assign cpl_valid_o = state_q == DONE;
  assign cpl_o = '{
    queue_idx: req.queue_idx, cookie: sub.cookie, status: status_q,
    bytes: status_q == STATUS_OK && op.writes ? wr_bytes : '0,
    result: dma ? {64'd0, page_q, 12'd0} : status_q == STATUS_OK && op.fills ? 128'(made_meta_q.generation) : '0
  };
endmodule
