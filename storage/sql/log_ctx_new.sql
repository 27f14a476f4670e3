-- write: who and on what basis, before the first row that names it. $1 ctx (ordered), $2 now, $3 body
INSERT INTO hub.log_ctx (ctx, last_month, body)
SELECT u.ctx, (extract(year FROM $2::timestamptz AT TIME ZONE 'UTC')::int4 - 1970) * 12 + extract(month FROM $2::timestamptz AT TIME ZONE 'UTC')::int4 - 1, u.body
FROM unnest($1::uuid[], $3::bytea[]) u(ctx, body)
ON CONFLICT (ctx) DO NOTHING
