/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server/networks.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "fhir/base/arena.h"

#define ITEMS_MAX 256
#define V4_BITS   96 /* of ::ffff:0:0 before an IPv4 address */
#define TEXT_MAX  64

static const uint8_t v4_prefix[V4_BITS / 8] = { [10] = 0xff, [11] = 0xff };

static bool parse_address(struct str text, struct network *out, unsigned *width)
{
	char word[TEXT_MAX];
	if (text.length == 0 || text.length >= sizeof(word))
		return false;
	memcpy(word, text.at, text.length);
	word[text.length] = '\0';
	memcpy(out->address, v4_prefix, sizeof(v4_prefix));
	*width = 32;
	if (inet_pton(AF_INET, word, out->address + sizeof(v4_prefix)) == 1)
		return true;
	*width = 128;
	return inet_pton(AF_INET6, word, out->address) == 1;
}

static bool is_prefix(const struct network *network)
{
	for (unsigned bit = network->bits; bit < 128; bit++)
		if ((network->address[bit / 8] >> (7 - bit % 8) & 1) != 0)
			return false;
	return true;
}

static bool parse_network(struct str text, struct network *out)
{
	struct str bits_text;
	const struct str address = str_cut(text, '/', &bits_text);
	unsigned width;
	uint64_t bits;
	*out = (struct network){ .bits = 128 };
	if (!parse_address(address, out, &width))
		return false;
	if (bits_text.at == NULL)
		return true;
	if (!str_to_u64(bits_text, &bits) || bits > width)
		return false;
	out->bits = 128 - width + (unsigned)bits;
	return is_prefix(out);
}

static bool parse_word(struct str word, struct network *items, size_t *count)
{
	if (!str_is(word, "loopback"))
		return parse_network(word, &items[(*count)++]);
	parse_network(STR("127.0.0.0/8"), &items[(*count)++]);
	return parse_network(STR("::1"), &items[(*count)++]);
}

bool networks_parse(struct arena *arena, struct str text, struct networks *out)
{
	struct network *items = arena_array(arena, ITEMS_MAX + 2, sizeof(*items));
	size_t count = 0;
	while (text.length > 0) {
		size_t end = 0;
		while (end < text.length && text.at[end] != ',' && text.at[end] != ' ')
			end++;
		const struct str word = str_part(text, 0, end);
		text = str_part(text, end + 1, text.length);
		if (word.length > 0 && (count >= ITEMS_MAX || !parse_word(word, items, &count)))
			return false;
	}
	*out = (struct networks){ .items = items, .count = count };
	return true;
}

/* All 16 bytes; false where it is neither IPv4 nor IPv6. */
static bool bytes_of(const struct sockaddr *peer, uint8_t out[static 16])
{
	if (peer->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 16);
		return true;
	}
	if (peer->sa_family != AF_INET)
		return false;
	memcpy(out, v4_prefix, sizeof(v4_prefix));
	memcpy(out + sizeof(v4_prefix), &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
		4);
	return true;
}

static bool is_in(const struct network *network, const uint8_t address[static 16])
{
	const unsigned whole = network->bits / 8, rest = network->bits % 8;
	if (memcmp(network->address, address, whole) != 0)
		return false;
	return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool networks_have(const struct networks *networks, const struct sockaddr *peer)
{
	uint8_t address[16];
	if (!bytes_of(peer, address))
		return false;
	for (size_t i = 0; i < networks->count; i++)
		if (is_in(&networks->items[i], address))
			return true;
	return false;
}
