/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_UNIT_AUTHZ_VECTORS_H
#define TESTS_UNIT_AUTHZ_VECTORS_H

/*
 * Made once by Python's jwcrypto, so that both sides of a signature are not ours. The payload
 * is {"a":1}.
 */

static const struct {
	const char *alg, *text;
} signed_elsewhere[] = {
	{ "RS256",
		"eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCJ9.eyJhIjoxfQ.Ur1Yu0a9LRmcTCv_DZ5PSm0neDr-"
		"fScHCdd8_lL4yQgKUuIWwqajeTHNBB2ePJYeviGz1Eke5xS8vtUrfq9b-f1yZESnl_6x8K2IUMuS6wVy"
		"IF78pSgDMHFSRYckUke4h_54TmFFbqBFMvw3WF8fPB4Q8sgtZ5KjUv3c8W8AwwTxlO4Xro4Z4EhtfzxH"
		"N-3fvjYlhuLCn45nqxV9khwLAjLJ16l2DReuqUkkYZchpECwS4GAzSl-Bk6RoYgVqf7WnMqOjgZwJ9zy"
		"oGxJJ7iwvz28AsK33lzq4wWpQrX5eO0JB071306owDabUHvrQQ0Q7FVanbT6uOV0Chuc8zrIzw" },
	{ "RS384",
		"eyJhbGciOiAiUlMzODQiLCAidHlwIjogIkpXVCJ9.eyJhIjoxfQ.jR18WOPFemv7xtRhHGXuVrT3zY9m"
		"fJtzZmVYmaxj-UwYGpqcPDT-mshy3yVUQPvVqbLtd969kVA6cHQJFEbBY9ksbtb0n9N_wvEjNkctsnom"
		"tYsORQoB1eFMDLRuv0UmRWsGPM0A5j1CoM-jLH9hfJRWQO5Xpotn0J4AcTu_vqi7JLHi3zWVqZJOdb5l"
		"WU4aV_zt8y-N3jhmPOOqmBR1vU86KDNlr8zsoReEwZth8zJK5Qy1T5fJmy7uK2pS6aMhliAZZrCW73gj"
		"14omnLbLHmVVL_cILRtWPYc6T8Kushxg6xnDsije2MHxoUcYyiv6gh6tpBmbN7Gs7tfCRNYcEQ" },
	{ "RS512",
		"eyJhbGciOiAiUlM1MTIiLCAidHlwIjogIkpXVCJ9.eyJhIjoxfQ.kxCNugvCx0EyLl0CHIa5tiwwH-W7"
		"10ZioghjZ_JrbpYuur8E2jwpQS_neFj1Diy7rcd2jAyuCgY06z0UEn_kBrNt4ooBoanz6Z9R00g2fOfq"
		"kRuRj1rE0WllAoI7PKDxi1npVv4JxzfuCF_hQcDAd1j7TOkICXYl2HipLgBwqtCKpYayOYhHO75eZL1c"
		"3Qn1Ki7e1za8hyJ6yzM8kvvLnBTEDD0RI52yt48mAr5dxdKbGNJwSOIH4B00U9SIMqHQ8DJkT32JOkAL"
		"OeSnVanNwSXmregsnzfPFOgigFd8Pczo3TGISAG0MGZTIZvyZrHU-ggzxceXFFcYu6aqhtoLRA" },
	{ "PS256",
		"eyJhbGciOiAiUFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJhIjoxfQ.LiThtHvIVqpvNdeKB-7XoJUkW07v"
		"ZAXC4wdtOlFGVwrxE2lWDk-AKQWlUAx92ptaPJ9w8AMB2GKP25GlJOK3vvkGzlHHiY5RTHkqXXLUhqvD"
		"_HQBGJ4NMT0CG02je40gKMdULuFWmP3N4pncMUwE0pRLHFfBAe3QAXBPQX529lNWBnoKotCGEzh4z3dB"
		"RRGuNnUbdIvHh138UzLIHCT2xhZKSeSDcmzb-v118MQNCCHufMUy6uwjbkheCqgg-IsWyXTa5Vw0eKmt"
		"Rbu3Eqjd6xDy6t3_ZBeKAWYHlyWdgBdscBWH565bDgwjxCBMUTfQ4AbqczLfllshwS4CceuayQ" },
	{ "PS384",
		"eyJhbGciOiAiUFMzODQiLCAidHlwIjogIkpXVCJ9.eyJhIjoxfQ.r7cjxrYjZt7tcJofpxE9rDQJmakn"
		"-X9FgL9GpzlQ8JeQAmV_uccbMUE2m9O7_RY3kAWKMfm339ZUYUXod4BRfDFZJjqZql1z4oconfS0lHGu"
		"COUvJ7tsgu4AtiXGHfDG8L_oQMMkOoMpnO4Hxk1AXJvPil1VKHd-sUiCKOb9ZnQ4_nUhTUT2xPqQRJYZ"
		"KDOqyoWvlryEOaNCDUSL53r_oAA5B_jDr9UHNBP6Cl_3lkcmFty_IVw9Yz9wD9zwi8qbEs9yP-FqD5Hv"
		"I2YlUJSQP0zgQpH0BToa_KWVIMLKn5Rr2Ij1vRbATzZ3wMtCJhhy-QIfg9zGZXSTEteaRLPwFA" },
	{ "PS512",
		"eyJhbGciOiAiUFM1MTIiLCAidHlwIjogIkpXVCJ9.eyJhIjoxfQ.RQzK0hceji1jJ4308OqpASzYyKX4"
		"GwnhOPNwqdhdVScSGi10rYo4QSLm90kOiaDRk4prjUN5p4ZtnWrvxTF-tffJqI5ZFG6F7v6fBpxg-cm2"
		"plFi0r4lwuhClap-8u62Q489R_pxTaBXuqtS6dzwu40miGL-Xc58r0h1Ma3CUz0gUvCLn60GSUnU2Sar"
		"_SW2jmaHDR5xYQ0OK-1WGYLPE6szAgFjUf2mDkze3tYvHc77T46dJKc0_KJ3aCdPBcopdQxnzWT9nbMX"
		"jj0IjjAVf27CE8a0hXs6hhZPXftHzdqgPkoHicBK7aOJoz-fx1TnsO6PCFxIZR9im0bSw1_gJg" },
	{ "ES256",
		"eyJhbGciOiAiRVMyNTYiLCAidHlwIjogIkpXVCJ9.eyJhIjoxfQ.X98IcXW6tJrGhyK9T-f7JicEPGbl"
		"C7US9BQct4V-Il2xX1ljzAH5bzcQUgMU3oSIVLdaPUifM9a-_aDwxktL5w" },
	{ "ES384",
		"eyJhbGciOiAiRVMzODQiLCAidHlwIjogIkpXVCJ9.eyJhIjoxfQ.4GkjHFLzRDegicoT0imNt5I_DoFh"
		"LNsuC2ajQ_6MqC4epKhQd-aLtjk8f97SeFjz4qjDWZJRpTkSUhG-r_EjNh_9y_87J4PMWDAzkLEgjC8T"
		"squs9zuwj0lqOB9XpRfv" },
	{ "ES512",
		"eyJhbGciOiAiRVM1MTIiLCAidHlwIjogIkpXVCJ9.eyJhIjoxfQ.AdhSGsa4Et5mOt_LKR7c8Jl9Aq0G"
		"VKhcZPEdBMESniDviZRphvrf5l9HsMlA7BP865U2BDTyZklG7CXgHx8SHHkPAR1L6hQeSTP4y9H9nc7B"
		"447iX9wV7bSnGiAIO615MuuX97ZSnekCbG42g7WU9hmuJLZ_sKQh1FtPb4qu7AlNIrdd" },
};

static const struct {
	const char *algs, *jwk, *thumbprint;
} keys_elsewhere[] = {
	{ "RS256 RS384 RS512 PS256 PS384 PS512",
		"{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"s2CprJJLyNtOUG9Q_25c23dhiH_"
		"UIcPE5cIS4SChmBPY6FS29X1"
		"lp-YRhienKvFlbuJ--5Dend2sRpalwPHY1BY7bophctnvr151ZRbK_3xMzo7HtbQ66M2H8MaFxbAYpoc"
		"sxzHLnGjvBB9fc02QvAtmlVZ9knW4P7O50tLueLayueCOP8sYG19bBhIpzcCoM2bsigtYr-1FgsMhCvt"
		"IbKjoqChJRWIWg-iMgaftD4gwr69C2RU-EGfvbldjsEZoVaqxIDBgNvWHnHc4PJ_ohUc8DSIzOougeKb"
		"L1Qbsg-KIcNG2KxXv2X8gl9hO6R3-Jl6JJyxDnLJbhfs5vZU1iw\"}",
		"SH7l3GYVTsEvboCRxFG-6hHAk6Iw6I17KVONT7fA3PA" },
	{ "ES256",
		"{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"okXkn4jYOIixX_4nXquF_RwCyliBIceAOCk-"
		"iEKT3eQ\",\"y\":"
		"\"HJLmP-VqCyBwr0MUyD5ulW6GO_UhC6JpaSYun8Bz-HQ\"}",
		"G1CXxoRSFeAjOsbRwHLQacnqbhHhy1qdqvYdVvjRYF4" },
	{ "ES384",
		"{\"crv\":\"P-384\",\"kty\":\"EC\",\"x\":\"IMifFPA1Ap8qt-"
		"gn5Ggiry5a1wmRuvxihanK3UgwM7CaJS-eA"
		"WIkXOW6DH6f5vwL\",\"y\":\"iSJ9X79j_FG6pzp-1lJoA88KLwIwF_"
		"UpMtSiRPNPkc5onjUeZQ2C3yEdtR"
		"cB9k7g\"}",
		"2Xsok3GLFH3HZrw27n5sB3L7w9TfPIkSqctdUR-r2Bw" },
	{ "ES512",
		"{\"crv\":\"P-521\",\"kty\":\"EC\",\"x\":\"ACHDZS9soTWf0AgXjcfhSA43RCA7SXZ4Pjh-"
		"Nc4I6bv1xzahy"
		"XnLvts1ufjeZtpnevuRTxXzTiXXo3kckpjCgUEL\",\"y\":\"ADeh0B9Sd7co-QQFVrIZX2i_"
		"FNasKpKxKx"
		"PLeZS5N5L-GjrbyDNkYYIYP8e9u_yz2Z_EeREuN2K8_Wc53EPJX5yG\"}",
		"vEfFGfYfW2MhtZ3RzsYpowZoqmLU-bNo2vaaxYeB9fk" },
};

#endif
