// SPDX-License-Identifier: Apache-2.0
//
// Types and constants of the key wrap engine.
//
// Data format. Strings (key, IV, AAD, payload, tag) are in memory order: byte 4*w + i is in word w, bits [8*i +: 8].
// A payload is up to 64 bytes; AES key wrap with padding adds 8 bytes in front and rounds up to 8, so the wrapped form is 16 to
// 72 bytes. Bytes past a length are ignored on the way in and zero on the way out.
package wrap_pkg;
  typedef enum logic [1:0] {
    WRAP_GCM_SEAL   = 2'd0,  // SP 800-38D, 7.1
    WRAP_GCM_OPEN   = 2'd1,  // SP 800-38D, 7.2
    WRAP_KWP_WRAP   = 2'd2,  // SP 800-38F, 6.3 KWP-AE; RFC 5649, 4.1
    WRAP_KWP_UNWRAP = 2'd3   // SP 800-38F, 6.3 KWP-AD; RFC 5649, 4.2
  } wrap_op_e;

  localparam int unsigned IN_WORDS  = 50;  // of a command's strings
  localparam int unsigned OUT_WORDS = 22;  // of a result

  // Which of the next 4 bytes are among `rem` bytes left; bit b is byte b.
  function automatic logic [3:0] mask_of(logic [7:0] rem);
    return rem >= 8'd4 ? 4'hf : (4'd1 << rem[1:0]) - 4'd1;
  endfunction

  function automatic logic [7:0] less4(logic [7:0] rem);
    return rem >= 8'd4 ? rem - 8'd4 : 8'd0;
  endfunction

  function automatic logic [31:0] keep(logic [31:0] word, logic [3:0] mask);
    return word & {{8{mask[3]}}, {8{mask[2]}}, {8{mask[1]}}, {8{mask[0]}}};
  endfunction

  // An integer as the last 4 bytes of a big-endian one.
  function automatic logic [31:0] big_endian(logic [31:0] n);
    return {n[7:0], n[15:8], n[23:16], n[31:24]};
  endfunction
endpackage
