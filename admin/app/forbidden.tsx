export { Refused as default } from "@/components/refused";
