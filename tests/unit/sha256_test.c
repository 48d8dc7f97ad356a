// Tests of SHA-256 against published digests.
#include "server/sha256.h"

#include <criterion/criterion.h>
#include <string.h>

static void check(const char *text, size_t length, const char *expected)
{
    char hex[SHA256_HEX_BYTES + 1];
    sha256_hex(text, length, hex);
    cr_assert_str_eq(hex, expected);
}

Test(sha256, short_texts)
{
    check("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("secret", 6, "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b");
}

// Lengths around the end of a block, where the padding takes one block more.
Test(sha256, block_boundaries)
{
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    check(two, 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char zeros[65];
    memset(zeros, 'a', sizeof(zeros));
    check(zeros, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    check(zeros, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
    check(zeros, 65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0");
}

Test(sha256, a_million_letters)
{
    static char text[1000000];
    memset(text, 'a', sizeof(text));
    check(text, sizeof(text), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
