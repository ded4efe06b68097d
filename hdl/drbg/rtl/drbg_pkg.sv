// SPDX-License-Identifier: Apache-2.0
//
// Types of the random bit generator (SP 800-90A).
package drbg_pkg;

  typedef enum logic [1:0] {
    OP_INSTANTIATE = 2'd0,
    OP_RESEED      = 2'd1,
    OP_GENERATE    = 2'd2
  } op_e;

endpackage
