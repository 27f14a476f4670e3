-- write: who and on what basis, before the first row that names it in a month. $1 ctx (ordered), $2 month since 1970-01, $3 body
INSERT INTO hub.log_ctx (ctx, last_month, body)
SELECT u.ctx, $2::int4, u.body FROM unnest($1::uuid[], $3::bytea[]) u(ctx, body)
ON CONFLICT (ctx) DO UPDATE SET last_month = excluded.last_month WHERE log_ctx.last_month < excluded.last_month
