-- admin: as log_ctx_new.sql, of one context, by hub_write. $1 ctx, $2 month since 1970-01, $3 body in hexadecimal
INSERT INTO hub.log_ctx (ctx, last_month, body) VALUES ($1::uuid, $2::int4, decode($3::text, 'hex'))
ON CONFLICT (ctx) DO UPDATE SET last_month = excluded.last_month WHERE log_ctx.last_month < excluded.last_month
