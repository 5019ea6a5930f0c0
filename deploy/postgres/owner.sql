-- Run once, by the image's entry point, when the server's folder is empty. The service's own login role is made by the
-- service, with the password in DATABASE_URL.
\getenv password OWNER_PASSWORD
CREATE ROLE system_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE multitenant_db OWNER system_owner;
