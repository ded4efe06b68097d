// SPDX-License-Identifier: Apache-2.0
//
// The engine with which a key leaves and enters the device: AES-GCM (SP 800-38D, 7.1 and 7.2; 12-byte IV, 16-byte tag) and AES key
// wrap with padding (SP 800-38F, 6.3; RFC 5649), over one iterative AES and one digit-serial GHASH. One command at a time.
//
// Data format: strings go by words of 4 bytes, word 0 first, byte i of one in bits [8*i +: 8] (see wrap_pkg); integers inside GCM and KWP
// are big-endian strings.
//
//   op               payload in           payload_len_i      payload out               payload_len_o     tag
//   WRAP_GCM_SEAL    plaintext            1 to 64            ciphertext                the same          out
//   WRAP_GCM_OPEN    ciphertext           1 to 64            plaintext                 the same          in
//   WRAP_KWP_WRAP    plaintext            1 to 64            8 bytes more, padded      16 to 72          -
//   WRAP_KWP_UNWRAP  wrapped              16 to 72, by 8     plaintext                 1 to 64           -
//
// Command: with valid_i high and the command steady, ready_o comes for one cycle (when the engine is idle) and takes it. Then, from the second
// cycle after that on, come its strings, IN_WORDS words with in_valid_i: key (8 words), IV (3 and one that is ignored), tag (4), AAD (16), payload (18).
// Result: OUT_WORDS words in cycles that follow each other with out_valid_o: tag (4), payload (18). Then done_o stays with the verdict until
// ack_i. ok_o is 0 if the tag, the integrity value, the length or the padding is wrong or the command is malformed (a length outside the
// table, AAD over 64 bytes, key size 3): then payload, length and tag are zero. Outside out_valid_o and done_o all outputs are zero.
//
// Time: if the words follow each other the number of cycles from ready_o to done_o depends on op, key size and lengths given, and on nothing
// else.
// What stays: when out_valid_o rises the key, round keys, H, hash, IV, AAD and working registers are zero; the result's words are as they
// leave, its length in the second cycle after ack_i. clear_i, whatever is in flight, drops the command and its result; all of it is zero
// within 68 cycles, and all but the memories within 6. clean_o: idle, and nothing of any command is left.
module key_wrap
  import gcm_pkg::*, wrap_pkg::*;
#(
  parameter sbox_e       SBOX  = SBOX_TABLE,
  parameter int unsigned DIGIT = 8            // bits of GHASH a cycle, at least 2 (see ghash_serial)
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  output logic         clean_o,
  // Command.
  input  logic         valid_i,
  output logic         ready_o,
  input  wrap_op_e     op_i,
  input  key_size_e    key_size_i,
  input  logic [6:0]   aad_len_i,      // GCM: bytes, 0 to 64
  input  logic [6:0]   payload_len_i,  // bytes
  // Its strings.
  input  logic         in_valid_i,
  input  logic [31:0]  in_i,           // zero while in_valid_i is low; 16 or 24 bytes of the key for the shorter sizes
  // Result.
  output logic         out_valid_o,
  output logic [31:0]  out_o,
  output logic         done_o,
  input  logic         ack_i,
  output logic         ok_o,
  output logic [6:0]   payload_len_o
);
  // A block of the payload must be hashed before the next comes out of the AES.
  if (DIGIT < 2) begin : g_check
    $error("DIGIT must be at least 2");
  end

  typedef enum logic [4:0] {
    ST_IDLE, ST_TAKE, ST_PREPARE, ST_LOAD, ST_HEAD, ST_KEY, ST_ICV,
    ST_START, ST_INPUT, ST_OUTPUT, ST_AAD, ST_AAD_WAIT, ST_LENGTHS_WAIT, ST_LENGTHS,
    ST_ALIGN, ST_FRONT, ST_VERIFY, ST_JUDGE, ST_WIPE, ST_GIVE, ST_DONE
  } state_e;
  // What the block in the AES is for.
  typedef enum logic [1:0] {JOB_H, JOB_COUNTER, JOB_TAG, JOB_KWP} job_e;

  // One bit a state, by state_e.
  typedef logic [20:0] states_t;
  function automatic states_t go(state_e s);
    return 21'd1 << s;
  endfunction
  states_t  state_q, state_d, state_n;          // state_n: state_d but for clear_i and reset, off their path
  states_t  after_q, after_d;                   // where ST_ALIGN leads to
  job_e     job_q, job_d;
  wrap_op_e op_q;
  logic     kwp, open, unwrap, inverse_q;       // of the operation, from its registers

  localparam logic [31:0] ICV2 = 32'hA659_59A6;  // RFC 5649, 3; the same in either byte order

  // Strings, word by word through their heads.
  logic [575:0] pay_q;
  logic [127:0] tag_q;
  logic [95:0]  iv_q;
  logic [63:0]  a_q;                            // A of KWP, SP 800-38F
  logic [31:0]  pay_head, pay_in, tag_in, a_in;
  logic         tag_shift, iv_shift, a_shift;
  assign pay_head = pay_q[31:0];

  logic [6:0] len_q, aad_len_q, out_len_q;
  logic [7:0] pay_rem_q, aad_rem_q;             // bytes after the word at the head
  logic [3:0] pay_mask_q, aad_mask_q;           // bytes of the word at the head
  logic       pay_step, aad_step;

  // A command's strings come in here. What is past a length becomes zero on the way.
  typedef struct packed {
    logic key, iv, tag, aad, pay;
  } into_t;
  into_t       into, into_q;                    // where a word belongs; where the one that came goes
  logic [31:0] in_word_q;
  logic [5:0]  in_at_q;
  logic        comes, in_last_q, expand_q, key_in_q;
  assign comes = in_valid_i && state_q[ST_LOAD] && !in_last_q;
  always_comb begin
    into.key = in_at_q[5:3] == 3'd0;
    into.iv  = in_at_q[5:2] == 4'd2 && in_at_q[1:0] != 2'd3;
    into.tag = in_at_q[5:2] == 4'd3;
    into.aad = in_at_q[5:4] == 2'd1;
    into.pay = in_at_q[5];
  end
  // The AAD has a memory; a wipe sweeps it.
  (* ram_style = "distributed", no_rw_check *) logic [31:0] aad[16];
  logic [31:0] aad_head_q;
  logic [3:0]  aad_at_q, aad_get;
  assign aad_get = aad_at_q + 4'(state_q[ST_AAD]);
  logic [4:0] count_q, count_d;                 // cycles in a state
  logic [1:0] word_q;                           // word of a block
  logic [4:0] at_q, at_d, target_q, target_d;   // word of the payload at the head, and the one wanted there
  logic [4:0] before_q;                         // target_q - 1
  logic       turn_q, turning_q;                // ST_ALIGN from its second cycle on; it goes on
  logic       pay_shift;
  logic       due_q;                            // the last cycle of a state of fixed length
  logic       semi_last_q, block_last_q, aad_last_q;
  typedef struct packed {
    logic out_h, out_counter, out_tag, out_kwp;  // ST_OUTPUT of a job
    logic kwp;                                   // ST_INPUT or ST_OUTPUT of KWP
    logic mli, pay;
    logic give_tag, give_pay;                    // ST_GIVE
  } move_t;
  move_t now_q, now_d;
  logic [3:0] semi_q, semi_d, semis_q;          // semiblock of KWP, and how many
  logic [3:0] semi_next_q;                      // the one after; after the last of a pass the first
  logic       ending_q;                         // no other follows
  logic [2:0] pass_q, pass_d;                   // passes over the semiblocks to come
  logic [5:0] t_q, t_d;
  logic [2:0] block_q, block_d, blocks_q, aad_blocks_q;
  logic       single, bad_q, differs_q, icv_bad_q, pad_bad_q, fail_q, result_q, release_q;
  logic [31:0] diff_q;
  logic [3:0]  stray_q, icv_part_q;
  logic        blank_q;                         // nothing of the word at the head stays
  always_ff @(posedge clk_i) single <= semis_q == 4'd1;

  // AES and GHASH.
  key_size_e size_q;
  logic aes_clear_q, aes_ready, aes_start, aes_take, aes_valid, aes_take_last, aes_valid_last;
  logic [31:0] aes_in, aes_out;
  aes_iter #(.SBOX(SBOX)) u_aes (
    .clk_i,
    .rst_ni,
    .clear_i(aes_clear_q),
    .ready_o(aes_ready),
    .key_valid_i(into_q.key),
    .key_i(in_word_q),
    .expand_i(expand_q),
    .key_size_i(size_q),
    .start_i(aes_start),
    .decrypt_i(inverse_q),
    .take_o(aes_take),
    .take_last_o(aes_take_last),
    .data_i(aes_in),
    .valid_o(aes_valid),
    .valid_last_o(aes_valid_last),
    .data_o(aes_out)
  );
  logic zero_work_q, zero_result_q;
  logic hash_key, hash_add, hash_out, hash_busy;
  logic [31:0] hash_in, hash_word;
  ghash_serial #(.DIGIT(DIGIT)) u_ghash (
    .clk_i,
    .rst_ni,
    .clear_i(zero_work_q),
    .data_i(hash_in),
    .key_i(hash_key),
    .add_i(hash_add),
    .out_i(hash_out),
    .data_o(hash_word),
    .busy_o(hash_busy)
  );

  // The step number of KWP goes into the last byte of A; a single semiblock has no steps.
  logic [31:0] t_word;
  assign t_word = single ? '0 : {2'd0, t_q, 24'd0};

  // Control: each state with what ends it and where it leads to, side by side, since one bit is set.
  logic in_ends, out_ends, hash_ends, block_ends, kwp_ends, job_kwp, aligned, counting;
  assign job_kwp    = job_q == JOB_KWP;
  assign block_ends = word_q == 2'd3;
  assign in_ends    = state_q[ST_INPUT] && aes_take_last;
  assign out_ends   = state_q[ST_OUTPUT] && aes_valid_last;
  assign hash_ends  = state_q[ST_AAD_WAIT] && !hash_busy;
  assign kwp_ends   = out_ends && job_kwp;
  assign aligned    = turn_q && !turning_q;
  function automatic states_t to(logic when, state_e s);
    return {20'd0, when} << s;
  endfunction
  states_t ends;
  logic    wiped;
  always_comb begin
    // The AES leaves ready_o two cycles after the wipe begins.
    wiped = state_q[ST_WIPE] && count_q[4:2] != 3'd0 && aes_ready;
    ends  = '0;
    ends[ST_IDLE]         = valid_i;
    ends[ST_TAKE]         = 1'b1;
    ends[ST_PREPARE]      = 1'b1;  // lengths are known: counts follow in registers
    ends[ST_LOAD]         = in_last_q;
    ends[ST_HEAD]         = due_q;
    ends[ST_KEY]          = aes_ready;
    ends[ST_ICV]          = due_q;
    ends[ST_START]        = 1'b1;
    ends[ST_INPUT]        = aes_take_last;
    ends[ST_OUTPUT]       = aes_valid_last;
    ends[ST_AAD]          = block_ends;
    ends[ST_AAD_WAIT]     = !hash_busy;
    ends[ST_LENGTHS_WAIT] = !hash_busy;
    ends[ST_LENGTHS]      = block_ends;
    ends[ST_ALIGN]        = aligned;
    ends[ST_FRONT]        = due_q;
    ends[ST_VERIFY]       = due_q;
    ends[ST_JUDGE]        = due_q;
    ends[ST_WIPE]         = wiped;
    ends[ST_GIVE]         = due_q;
    ends[ST_DONE]         = ack_i;
    state_n = (state_q & ~ends)
        | to(state_q[ST_IDLE] && valid_i, ST_TAKE)
        | to(state_q[ST_TAKE], ST_PREPARE)
        | to(state_q[ST_PREPARE], ST_LOAD)
        | to(state_q[ST_LOAD] && in_last_q && unwrap, ST_HEAD)
        | to((state_q[ST_LOAD] && in_last_q && !unwrap) || (state_q[ST_HEAD] && due_q), ST_KEY)
        | to(state_q[ST_KEY] && aes_ready && bad_q, ST_JUDGE)
        | to(state_q[ST_KEY] && aes_ready && !bad_q && op_q == WRAP_KWP_WRAP, ST_ICV)
        | to(state_q[ST_KEY] && aes_ready && !bad_q && unwrap, ST_ALIGN)
        | to(state_q[ST_KEY] && aes_ready && !bad_q && !kwp, ST_START)
        | to(state_q[ST_ICV] && due_q, ST_START)
        | to(state_q[ST_START], ST_INPUT)
        // The semiblock that was read has to come to the head again, to be replaced.
        | to(in_ends && job_kwp, ST_ALIGN)
        | to(in_ends && !job_kwp, ST_OUTPUT)
        | to(out_ends && job_q == JOB_H && aad_blocks_q == 3'd0, ST_START)
        | to(out_ends && job_q == JOB_H && aad_blocks_q != 3'd0, ST_AAD)
        | to(out_ends && job_q == JOB_COUNTER && block_last_q, ST_LENGTHS_WAIT)
        | to(out_ends && job_q == JOB_COUNTER && !block_last_q, ST_START)
        | to(out_ends && (job_q == JOB_TAG || job_kwp), ST_ALIGN)
        | to(state_q[ST_AAD] && block_ends, ST_AAD_WAIT)
        | to(hash_ends && aad_last_q, ST_START)
        | to(hash_ends && !aad_last_q, ST_AAD)
        | to(state_q[ST_LENGTHS_WAIT] && !hash_busy, ST_LENGTHS)
        | to(state_q[ST_LENGTHS] && block_ends, ST_START)
        | (after_q & {21{state_q[ST_ALIGN] && aligned}})
        | to(state_q[ST_FRONT] && due_q, ST_ALIGN)
        | to(state_q[ST_VERIFY] && due_q, ST_JUDGE)
        | to(state_q[ST_JUDGE] && due_q, ST_WIPE)
        | to(wiped && result_q && !clear_i, ST_GIVE)
        | to(wiped && !(result_q && !clear_i), ST_IDLE)
        | to(state_q[ST_GIVE] && due_q, ST_DONE)
        | to(state_q[ST_DONE] && ack_i, ST_IDLE);

    // Cycles in a state of fixed length, and in the wipe.
    counting = state_q[ST_HEAD] || state_q[ST_ICV] || state_q[ST_FRONT] || state_q[ST_VERIFY] || state_q[ST_JUDGE] || state_q[ST_GIVE];
    count_d  = (counting && !due_q) || (state_q[ST_WIPE] && !wiped) ? count_q + 5'(!(state_q[ST_WIPE] && count_q == 5'd31)) : '0;

    // Where ST_ALIGN leads to and what it brings to the head; of a semiblock of KWP the next one, or what comes after the last.
    after_d  = after_q;
    target_d = target_q;
    if (state_q[ST_KEY]) begin
      after_d  = go(ST_START);
      target_d = unwrap ? {semis_q - 4'd1, 1'b0} : 5'd0;
    end
    if (state_q[ST_INPUT]) after_d = go(ST_OUTPUT);
    if (state_q[ST_OUTPUT]) begin
      after_d  = !job_kwp ? go(ST_JUDGE) : !ending_q ? go(ST_START) : unwrap ? go(ST_VERIFY) : go(ST_FRONT);
      target_d = !job_kwp ? 5'd0 : !ending_q ? {semi_next_q, 1'b0} : unwrap ? 5'd0 : 5'd16;
    end
    // A goes where the payload has two words to spare, which then become the first.
    if (state_q[ST_FRONT]) begin
      after_d  = go(ST_JUDGE);
      target_d = 5'd16;
    end

    job_d   = job_q;
    semi_d  = semi_q;
    pass_d  = pass_q;
    t_d     = t_q;
    block_d = block_q;
    if (state_q[ST_KEY]) begin
      job_d   = kwp ? JOB_KWP : JOB_H;
      pass_d  = single ? 3'd0 : 3'd5;
      semi_d  = unwrap ? semis_q - 4'd1 : 4'd0;
      t_d     = unwrap ? {semis_q, 2'b0} + {1'b0, semis_q, 1'b0} : 6'd1;
    end
    if (kwp_ends) begin
      semi_d = semi_next_q;
      t_d    = unwrap ? t_q - 6'd1 : t_q + 6'd1;
      pass_d = pass_q - 3'(semi_last_q);
    end
    if (out_ends && job_q == JOB_H) job_d = JOB_COUNTER;
    if (state_q[ST_LENGTHS]) job_d = JOB_TAG;
    if ((out_ends && job_q == JOB_COUNTER) || (state_q[ST_AAD] && block_ends)) block_d = block_q + 3'd1;
    if (state_q[ST_KEY] || (hash_ends && aad_last_q)) block_d = '0;

    state_d = state_n;
    if ((clear_i && !state_q[ST_WIPE]) || !rst_ni) begin
      state_d = go(ST_WIPE);
      count_d = '0;
    end
  end

  assign aes_start = state_q[ST_START];

  // What moves in this cycle, decided in the one before.
  always_comb begin
    now_d.out_h       = state_n[ST_OUTPUT] && job_q == JOB_H;
    now_d.out_counter = state_n[ST_OUTPUT] && job_q == JOB_COUNTER;
    now_d.out_tag     = state_n[ST_OUTPUT] && job_q == JOB_TAG;
    now_d.out_kwp     = state_n[ST_OUTPUT] && job_q == JOB_KWP;
    now_d.kwp         = (state_n[ST_INPUT] || state_n[ST_OUTPUT]) && job_q == JOB_KWP;
    now_d.mli         = state_n[ST_ALIGN] && unwrap;
    now_d.give_tag    = state_q[ST_GIVE] && count_q <= 5'd3;
    now_d.give_pay    = state_q[ST_GIVE] && count_q >= 5'd4 && count_q <= 5'd21;
    // The first cycle of ST_VERIFY only makes the masks.
    now_d.pay = (comes && into.pay) || (state_q[ST_VERIFY] && count_q <= 5'd17) || state_n[ST_HEAD] || state_n[ST_FRONT]
        || now_d.give_pay;
  end

  logic [3:0]  out_mask;
  logic [31:0] lengths;
  always_comb begin
    out_mask = pay_mask_q | {4{!(into_q.pay || now_q.out_counter)}};
    pay_in = keep((blank_q || now_q.out_kwp ? '0 : pay_head) ^ (now_q.out_counter || now_q.out_kwp ? aes_out : '0) ^ in_word_q, out_mask)
        ^ (state_q[ST_FRONT] ? a_q[31:0] : '0);
    a_in   = (state_q[ST_HEAD] ? pay_head : '0) ^ (state_q[ST_ICV] ? (count_q[0] ? big_endian(32'(len_q)) : ICV2) : '0)
        ^ (now_q.out_kwp ? aes_out ^ (word_q[0] && !unwrap ? t_word : '0) : '0);
    tag_in = open && into_q.tag ? in_word_q : !open && now_q.out_tag ? hash_word ^ aes_out : '0;

    // With the last word of H the mask of the first one of the payload is made.
    pay_step  = (comes && into.pay) || state_q[ST_VERIFY] || (aes_valid && now_q.out_counter) || (aes_valid_last && now_q.out_h);
    aad_step  = comes && into.aad;
    // From registers alone: it goes to all of the payload.
    pay_shift = now_q.pay || turning_q || (aes_valid && now_q.out_counter)
        || ((aes_take || aes_valid) && now_q.kwp && word_q[1]);
    a_shift   = state_q[ST_HEAD] || state_q[ST_ICV] || state_q[ST_FRONT]
        || ((aes_take || aes_valid) && now_q.kwp && !word_q[1]);
    iv_shift  = into_q.iv || (aes_take && word_q != 2'd3);
    tag_shift = into_q.tag || now_q.give_tag || (aes_valid && now_q.out_tag);

    unique case (word_q)
      2'd1:    lengths = big_endian({22'd0, aad_len_q, 3'd0});
      2'd3:    lengths = big_endian({22'd0, len_q, 3'd0});
      default: lengths = '0;
    endcase
    // GHASH takes the ciphertext, which on opening is what comes in.
    hash_in  = keep((now_q.out_counter ? pay_head : '0) ^ (now_q.out_h || (now_q.out_counter && !open) ? aes_out : '0), out_mask)
        ^ (state_q[ST_AAD] ? aad_head_q : '0) ^ (state_q[ST_LENGTHS] ? lengths : '0);
    hash_key = aes_valid && now_q.out_h;
    hash_add = (aes_valid && now_q.out_counter) || state_q[ST_AAD] || state_q[ST_LENGTHS];
    hash_out = aes_valid && now_q.out_tag;

    unique case (job_q)
      JOB_COUNTER: aes_in = word_q == 2'd3 ? big_endian(32'(block_q) + 32'd2) : iv_q[31:0];
      JOB_TAG:     aes_in = word_q == 2'd3 ? big_endian(32'd1) : iv_q[31:0];
      JOB_KWP:     aes_in = word_q[1] ? pay_head : a_q[31:0] ^ (word_q[0] && unwrap ? t_word : '0);
      default:     aes_in = '0;
    endcase
  end
  always_comb begin
    at_d = at_q;
    if (pay_shift) at_d = at_q == 5'd17 ? 5'd0 : at_q + 5'd1;
    // What comes after A counts from 0 again.
    if (state_q[ST_KEY]) at_d = '0;
  end

  // What an unwrapped A says: its integrity value and the length of the key (RFC 5649, 3).
  logic [7:0] mli;
  assign mli = a_q[63:56];
  logic [31:0] wrong;
  assign wrong = tag_q[31:0] ^ hash_word ^ aes_out;

  always_ff @(posedge clk_i) begin
    state_q   <= state_d;
    after_q   <= after_d;
    job_q     <= job_d;
    count_q   <= count_d;
    target_q  <= target_d;
    semi_q    <= semi_d;
    pass_q    <= pass_d;
    t_q       <= t_d;
    block_q   <= block_d;
    at_q      <= at_d;
    turn_q    <= state_q[ST_ALIGN];
    before_q  <= target_q == 5'd0 ? 5'd17 : target_q - 5'd1;
    turning_q <= state_q[ST_ALIGN] && at_q != (turning_q ? before_q : target_q);
    now_q     <= now_d;
    due_q     <= (state_q[ST_VERIFY] && count_q == 5'd19) || (state_q[ST_GIVE] && count_q == 5'd22)
        || ((state_q[ST_HEAD] || state_q[ST_ICV] || state_q[ST_FRONT] || state_q[ST_JUDGE]) && count_q == 5'd0);
    semi_next_q  <= unwrap ? (semi_q == 4'd0 ? semis_q : semi_q) - 4'd1 : semi_last_q ? 4'd0 : semi_q + 4'd1;
    ending_q     <= semi_last_q && pass_q == 3'd0;
    semi_last_q  <= semi_q == (unwrap ? 4'd0 : semis_q - 4'd1);
    block_last_q <= block_q + 3'd1 == blocks_q;
    aad_last_q   <= block_q == aad_blocks_q;
    ready_o   <= state_d[ST_TAKE];
    done_o    <= state_d[ST_DONE];
    clean_o   <= state_d[ST_IDLE] && state_q[ST_IDLE];
    inverse_q <= unwrap;
    if (state_q[ST_AAD] || state_q[ST_LENGTHS] || aes_take || aes_valid) word_q <= word_q + 2'd1;

    // Lengths, what is malformed, and the counts that follow.
    if (ready_o) begin
      op_q      <= op_i;
      kwp       <= op_i inside {WRAP_KWP_WRAP, WRAP_KWP_UNWRAP};
      open      <= op_i == WRAP_GCM_OPEN;
      unwrap    <= op_i == WRAP_KWP_UNWRAP;
      len_q     <= payload_len_i;
      aad_len_q <= aad_len_i;
      size_q    <= key_size_i;
      bad_q     <= !(key_size_i inside {KEY_128, KEY_192, KEY_256});
    end
    if (state_q[ST_PREPARE]) begin
      pay_rem_q    <= 8'(len_q);
      aad_rem_q    <= kwp ? '0 : 8'(aad_len_q);
      blocks_q     <= 3'((8'(len_q) + 8'd15) >> 4);
      aad_blocks_q <= 3'((8'(aad_len_q) + 8'd15) >> 4);
      semis_q      <= unwrap ? len_q[6:3] - 4'd1 : 4'((8'(len_q) + 8'd7) >> 3);
      if (unwrap ? len_q[2:0] != 3'd0 || len_q < 7'd16 || len_q > 7'd72 : len_q == 7'd0 || len_q > 7'd64) bad_q <= 1'b1;
      if (!kwp && aad_len_q > 7'd64) bad_q <= 1'b1;
    end else begin
      if (pay_step) begin
        pay_rem_q  <= less4(pay_rem_q);
        pay_mask_q <= mask_of(pay_rem_q);
      end
      if (aad_step) begin
        aad_rem_q  <= less4(aad_rem_q);
        aad_mask_q <= mask_of(aad_rem_q);
      end
      if (state_q[ST_KEY]) pay_rem_q <= 8'(len_q);
      if (now_q.mli) pay_rem_q <= mli;
    end

    // Strings.
    into_q    <= comes ? into : '0;
    in_word_q <= in_i;
    if (comes) in_at_q <= in_at_q + 6'd1;
    in_last_q <= state_q[ST_LOAD] && (in_last_q || (comes && in_at_q == 6'(IN_WORDS - 1)));
    key_in_q  <= comes && in_at_q == 6'd7;
    expand_q  <= key_in_q;
    if (state_q[ST_PREPARE]) in_at_q <= '0;
    blank_q   <= state_n[ST_HEAD] || state_n[ST_FRONT] || comes || now_d.give_pay;
    if (pay_shift) pay_q <= {pay_in, pay_q[575:32]};
    if (tag_shift) tag_q <= {tag_in, tag_q[127:32]};
    if (iv_shift) iv_q <= {into_q.iv ? in_word_q : iv_q[31:0], iv_q[95:32]};
    if (state_q[ST_PREPARE] || state_q[ST_KEY]) aad_at_q <= '0;
    else if (into_q.aad || state_q[ST_AAD]) aad_at_q <= aad_at_q + 4'd1;
    aad_head_q <= aad[aad_get];
    if (a_shift) a_q <= {a_in, a_q[63:32]};

    // Verdict, in the same cycles whatever it is.
    if (hash_out && open) diff_q <= diff_q | wrong;
    differs_q <= diff_q != '0;
    if (state_q[ST_VERIFY]) begin
      icv_part_q <= {5'((9'(mli) + 9'd7) >> 3) != 5'(semis_q) || mli > 8'd64, a_q[55:32] != '0, a_q[31:16] != ICV2[31:16],
                     a_q[15:0] != ICV2[15:0]};
      icv_bad_q  <= icv_part_q != '0;
      for (int b = 0; b < 4; b++) stray_q[b] <= pay_shift && !pay_mask_q[b] && pay_head[8*b+:8] != '0;
      pad_bad_q <= pad_bad_q || stray_q != '0;
    end
    if (state_q[ST_JUDGE]) begin
      fail_q    <= bad_q || differs_q || icv_bad_q || pad_bad_q;
      result_q  <= 1'b1;
      out_len_q <= unwrap ? mli[6:0] : op_q == WRAP_KWP_WRAP ? {semis_q + 4'd1, 3'd0} : len_q;
    end
    release_q <= state_d[ST_DONE] && !fail_q;
    out_valid_o <= now_q.give_tag || now_q.give_pay;
    out_o       <= (tag_q[31:0] & {32{now_q.give_tag}}) | (pay_head & {32{now_q.give_pay}});

    // Zeroization.
    aes_clear_q   <= state_d[ST_WIPE] && !state_q[ST_WIPE];
    zero_work_q   <= state_d[ST_WIPE];
    zero_result_q <= clear_i || (state_q[ST_DONE] && ack_i) || (state_q[ST_WIPE] && (fail_q || !result_q));
    if (state_q[ST_IDLE] || clear_i || !rst_ni) begin
      result_q <= 1'b0;
      fail_q   <= 1'b0;
    end
    if (zero_work_q || !rst_ni) begin
      into_q     <= '0;
      in_word_q  <= '0;
      aad_head_q <= '0;
      iv_q       <= '0;
      a_q        <= '0;
      diff_q     <= '0;
      differs_q  <= 1'b0;
      stray_q    <= '0;
      icv_bad_q  <= 1'b0;
      icv_part_q <= '0;
      pad_bad_q  <= 1'b0;
      pay_rem_q  <= '0;
      pay_mask_q <= '0;
      aad_rem_q  <= '0;
      aad_mask_q <= '0;
      word_q     <= '0;
    end
    if (zero_result_q) begin
      pay_q     <= '0;
      tag_q     <= '0;
      out_len_q <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (into_q.aad || state_q[ST_WIPE]) begin
      aad[state_q[ST_WIPE] ? count_q[3:0] : aad_at_q] <= state_q[ST_WIPE] ? '0 : keep(in_word_q, aad_mask_q);
    end
  end

  assign ok_o          = release_q;
  assign payload_len_o = out_len_q & {7{release_q}};
endmodule
