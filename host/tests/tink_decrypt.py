#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tink_decrypt.py KEY IN OUT: decrypts IN, sealed with AES256_GCM_HKDF_1MB under the 32 raw bytes in KEY, with Google's Tink."""
import base64
import json
import sys

from tink import json_proto_keyset_format, secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2

key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
    key_value=open(sys.argv[1], "rb").read(),
    params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
        ciphertext_segment_size=1 << 20, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256))
keyset = {"primaryKeyId": 1, "key": [{
    "keyId": 1, "status": "ENABLED", "outputPrefixType": "RAW",
    "keyData": {
        "typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
        "keyMaterialType": "SYMMETRIC",
        "value": base64.b64encode(key.SerializeToString()).decode()}}]}
streaming_aead.register()
handle = json_proto_keyset_format.parse(json.dumps(keyset), secret_key_access.TOKEN)
primitive = handle.primitive(streaming_aead.StreamingAead)
with open(sys.argv[2], "rb") as sealed, open(sys.argv[3], "wb") as out:
    with primitive.new_decrypting_stream(sealed, b"") as stream:
        while chunk := stream.read(1 << 20):
            out.write(chunk)
